// Runs the official Node SDKs for the tests: one JSON request per line on standard input, one JSON answer per line.
//
//   {"sdk", "action": "verify", "secret", "settings", "url", "headers", "body"} → {"accepted": true | false, "why"}
//   {"sdk", "action": "sign", "secret", "settings", "url", "body", "id"} → {"headers", "body"?}
//   {"action": "list"} → [{"sdk", "package", "provider", "actions"}]
//   {"library", "action": "receive", "secret", "headers", "body" (base64)} → {"accepted": true | false, "why"}, of a
//     delivery of Payrelay's
//
// An SDK refuses by throwing or by answering false; what it says then is passed on as `why`, so that a test can tell a
// refusal from a mistake of ours.

import { createPublicKey, verify as verifySignature } from 'node:crypto';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';

// Verifying asks nobody: an SDK that connects to anything is told so, before it looks a name up.
Socket.prototype.connect = () => {
  throw new Error('no test connects to anything from here');
};

const form = (body) => new URLSearchParams(body);
const json = (text) => JSON.parse(text);
const notFalse = (verdict) => {
  if (verdict === false) throw new Error('the SDK answers false');
};

const braintreeGateway = async ({ settings, secret }) => {
  const { default: braintree } = await import('braintree');
  return new braintree.BraintreeGateway({
    environment: braintree.Environment.Sandbox,
    merchantId: 'payrelay',
    publicKey: settings.public_key,
    privateKey: secret,
  });
};
const standardWebhooks = async ({ secret }) => new (await import('standardwebhooks')).Webhook(secret);
const svix = async ({ secret }) => new (await import('svix')).Webhook(secret);
const stripe = async () => new (await import('stripe')).default('sk_test_payrelay');
const modernTreasury = async () =>
  new (await import('modern-treasury')).default({ apiKey: 'none', organizationID: 'none' });
const adyen = async () => new (await import('@adyen/api-library')).hmacValidator();

const sdks = {
  stripe: {
    package: 'stripe',
    provider: 'stripe',
    verify: async (call) =>
      (await stripe()).webhooks.constructEvent(call.body, call.headers['stripe-signature'], call.secret),
    sign: async ({ body, secret }) => ({
      headers: { 'stripe-signature': (await stripe()).webhooks.generateTestHeaderString({ payload: body, secret }) },
    }),
  },
  standardwebhooks: {
    package: 'standardwebhooks',
    provider: 'standard_webhooks',
    verify: async (call) => (await standardWebhooks(call)).verify(call.body, call.headers),
    sign: async (call) => {
      const now = new Date();
      return {
        headers: {
          'webhook-id': call.id,
          'webhook-timestamp': `${Math.floor(now.getTime() / 1000)}`,
          'webhook-signature': (await standardWebhooks(call)).sign(call.id, now, call.body),
        },
      };
    },
  },
  svix: {
    package: 'svix',
    provider: 'standard_webhooks',
    verify: async (call) => (await svix(call)).verify(call.body, call.headers),
    sign: async (call) => {
      const now = new Date();
      return {
        headers: {
          'svix-id': call.id,
          'svix-timestamp': `${Math.floor(now.getTime() / 1000)}`,
          'svix-signature': (await svix(call)).sign(call.id, now, call.body),
        },
      };
    },
  },
  adyen: {
    package: '@adyen/api-library',
    provider: 'adyen',
    verify: async ({ body, secret }) => {
      const validator = await adyen();
      const items = json(body).notificationItems.map((item) => item.NotificationRequestItem);
      for (const item of items) notFalse(validator.validateHMAC(item, secret));
    },
    sign: async ({ body, secret }) => {
      const validator = await adyen();
      const notification = json(body);
      for (const { NotificationRequestItem: item } of notification.notificationItems) {
        item.additionalData = { ...item.additionalData, hmacSignature: validator.calculateHmac(item, secret) };
      }
      return { headers: {}, body: JSON.stringify(notification) };
    },
  },
  adyen_platform: {
    package: '@adyen/api-library',
    provider: 'adyen_platform',
    verify: async ({ body, secret, headers }) =>
      notFalse((await adyen()).validateHMACSignature(secret, headers['hmacsignature'], body)),
    sign: async ({ body, secret }) => ({
      headers: { hmacsignature: (await adyen()).calculateHmac(body, secret), protocol: 'HmacSHA256' },
    }),
  },
  braintree: {
    package: 'braintree',
    provider: 'braintree',
    verify: async (call) => {
      const fields = form(call.body);
      await (await braintreeGateway(call)).webhookNotification.parse(fields.get('bt_signature'), fields.get('bt_payload'));
    },
    sign: async (call) => {
      const gateway = await braintreeGateway(call);
      const sample = await gateway.webhookTesting.sampleNotification('transaction_settled', call.id);
      return {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams(sample).toString(),
      };
    },
  },
  square: {
    package: 'square',
    provider: 'square',
    verify: async ({ body, secret, headers, url }) => {
      const { WebhooksHelper } = await import('square');
      const signatureHeader = headers['x-square-hmacsha256-signature'];
      notFalse(
        await WebhooksHelper.verifySignature({
          requestBody: body,
          signatureHeader,
          signatureKey: secret,
          notificationUrl: url,
        }),
      );
    },
  },
  razorpay: {
    package: 'razorpay',
    provider: 'razorpay',
    verify: async ({ body, secret, headers }) => {
      const { default: Razorpay } = await import('razorpay');
      notFalse(Razorpay.validateWebhookSignature(body, headers['x-razorpay-signature'], secret));
    },
  },
  paddle: {
    package: '@paddle/paddle-node-sdk',
    provider: 'paddle',
    verify: async ({ body, secret, headers }) => {
      const { Paddle } = await import('@paddle/paddle-node-sdk');
      await new Paddle('none').webhooks.unmarshal(body, secret, headers['paddle-signature']);
    },
  },
  mollie: {
    package: 'mollie-api-typescript',
    provider: 'mollie_nextgen',
    verify: async ({ body, secret, headers }) => {
      const { SignatureValidator } = await import('mollie-api-typescript');
      notFalse(await SignatureValidator.validate(body, secret, headers['x-mollie-signature']));
    },
  },
  gocardless: {
    package: 'gocardless-nodejs',
    provider: 'gocardless',
    verify: async ({ body, secret, headers }) => {
      const { parse } = await import('gocardless-nodejs/webhooks.js').catch(() => import('gocardless-nodejs/webhooks'));
      parse(body, secret, headers['webhook-signature']);
    },
  },
  coinbase_commerce: {
    package: 'coinbase-commerce-node',
    provider: 'coinbase_commerce',
    verify: async ({ body, secret, headers }) => {
      const { default: coinbase } = await import('coinbase-commerce-node');
      coinbase.Webhook.verifyEventBody(body, headers['x-cc-webhook-signature'], secret);
    },
    sign: async ({ body, secret }) => {
      const { default: coinbase } = await import('coinbase-commerce-node');
      return { headers: { 'x-cc-webhook-signature': coinbase.Webhook.computeSignature(body, secret) } };
    },
  },
  cashfree: {
    package: 'cashfree-pg',
    provider: 'cashfree',
    verify: async ({ body, secret, headers }) => {
      const { Cashfree, CFEnvironment } = await import('cashfree-pg');
      const client = new Cashfree(CFEnvironment.SANDBOX, 'none', secret);
      client.PGVerifyWebhookSignature(headers['x-webhook-signature'], body, headers['x-webhook-timestamp']);
    },
  },
  shopify: {
    package: '@shopify/shopify-api',
    provider: 'shopify',
    verify: async ({ body, secret, headers, url }) => {
      await import('@shopify/shopify-api/adapters/node');
      const { shopifyApi, ApiVersion } = await import('@shopify/shopify-api');
      const api = shopifyApi({
        apiKey: 'none',
        apiSecretKey: secret,
        apiVersion: Object.values(ApiVersion)[0],
        hostName: new URL(url).host,
        isEmbeddedApp: false,
        logger: { log: () => {} },
      });
      const rawRequest = { method: 'POST', url: new URL(url).pathname, headers };
      const verdict = await api.webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} });
      if (!verdict.valid) throw new Error(verdict.reason);
    },
  },
  mercadopago: {
    package: 'mercadopago',
    provider: 'mercadopago',
    verify: async ({ secret, headers, url }) => {
      const { WebhookSignatureValidator } = await import('mercadopago');
      WebhookSignatureValidator.validate({
        xSignature: headers['x-signature'],
        xRequestId: headers['x-request-id'],
        dataId: new URL(url).searchParams.get('data.id'),
        secret,
        toleranceSeconds: 300,
      });
    },
  },
  modern_treasury: {
    package: 'modern-treasury',
    provider: 'modern_treasury',
    verify: async ({ body, secret, headers }) =>
      notFalse((await modernTreasury()).webhooks.validateSignature(body, headers, { key: secret })),
    sign: async ({ body, secret }) => ({
      headers: { 'x-signature': (await modernTreasury()).webhooks.getSignature(body, { key: secret }) },
    }),
  },
  opennode: {
    package: 'opennode',
    provider: 'opennode',
    verify: async ({ body, secret }) => {
      const { OpenNodeClient } = await import('opennode');
      notFalse(new OpenNodeClient(secret).verifySignature(Object.fromEntries(form(body))));
    },
  },
  chargebee: {
    package: 'chargebee',
    provider: 'chargebee',
    verify: async ({ secret, headers }) => {
      const { basicAuthValidator } = await import('chargebee');
      await basicAuthValidator((user, password) => `${user}:${password}` === secret)(headers);
    },
  },
  dodopayments: {
    package: 'dodopayments',
    provider: 'dodopayments',
    verify: async ({ body, secret, headers }) => {
      const { default: DodoPayments } = await import('dodopayments');
      new DodoPayments({ bearerToken: 'none' }).webhooks.unwrap(body, { headers, key: secret });
    },
  },
  creem: {
    package: 'creem',
    provider: 'creem',
    verify: async ({ body, secret, headers }) => {
      const { constructWebhookEvent } = await import('creem/webhooks');
      await constructWebhookEvent(body, headers, secret);
    },
  },
  github: {
    package: '@octokit/webhooks-methods',
    provider: 'github',
    verify: async ({ body, secret, headers }) => {
      const { verify } = await import('@octokit/webhooks-methods');
      notFalse(await verify(secret, body, headers['x-hub-signature-256']));
    },
    sign: async ({ body, secret, id }) => {
      const { sign } = await import('@octokit/webhooks-methods');
      const signature = await sign(secret, body);
      return { headers: { 'x-hub-signature-256': signature, 'x-github-event': 'ping', 'x-github-delivery': id } };
    },
  },
  polar: {
    package: '@polar-sh/sdk',
    provider: 'polar',
    verify: async ({ body, secret, headers }) => {
      const { validateEvent } = await import('@polar-sh/sdk/webhooks');
      validateEvent(body, headers, secret);
    },
  },
  phonepe: {
    package: 'pg-sdk-node',
    provider: 'phonepe',
    verify: async ({ body, secret, headers }) => {
      // package.json overrides its class-transformer: the 0.4 that it asks for lacks a function that it calls.
      const { default: phonepe } = await import('pg-sdk-node');
      const client = phonepe.StandardCheckoutClient.getInstance('none', 'none', 1, phonepe.Env.SANDBOX);
      const [user, password] = secret.split(':');
      client.validateCallback(user, password, headers.authorization, body);
    },
  },
  midtrans_snap: {
    package: 'midtrans-client',
    provider: 'midtrans_snap',
    verify: async ({ body, settings, headers, url }) => {
      const { default: midtrans } = await import('midtrans-client');
      midtrans.SnapBiConfig.snapBiPublicKey = settings.public_key_pem;
      const notification = midtrans.SnapBi.notification()
        .withNotificationPayload(json(body))
        .withSignature(headers['x-signature'])
        .withTimeStamp(headers['x-timestamp'])
        .withNotificationUrlPath(new URL(url).pathname);
      notFalse(notification.isWebhookNotificationVerified());
    },
  },
};

// What receivers verify our deliveries with.
const libraries = {
  standardwebhooks: async (call) =>
    (await standardWebhooks(call)).verify(call.body.toString(), call.headers, { jsonParse: false }),
  svix: async (call) => (await svix(call)).verify(call.body.toString(), call.headers),
  // Standard Webhooks' `v1a`, which neither knows. `secret` is the public key.
  crypto: ({ secret, headers, body }) => {
    const x = Buffer.from(secret.slice('whpk_'.length), 'base64').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    const signed = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), body]);
    const signatures = headers['webhook-signature'].split(' ').map((signature) => signature.split(','));
    const ofTheKey = signatures.filter(([scheme]) => scheme === 'v1a');
    notFalse(ofTheKey.some(([, text]) => verifySignature(null, signed, key, Buffer.from(text, 'base64'))));
  },
};

const accepted = async (verify) => {
  try {
    await verify();
    return { accepted: true };
  } catch (error) {
    return { accepted: false, why: `${error?.name}: ${error?.message ?? error}` };
  }
};

const answer = async (call) => {
  if (call.action === 'list') {
    return Object.entries(sdks).map(([sdk, { package: name, provider, sign }]) => ({
      sdk,
      package: name,
      provider,
      actions: sign ? ['verify', 'sign'] : ['verify'],
    }));
  }
  if (call.action === 'receive') {
    const body = Buffer.from(call.body, 'base64');
    return accepted(() => libraries[call.library]({ ...call, body }));
  }
  const sdk = sdks[call.sdk];
  return call.action === 'sign' ? sdk.sign(call) : accepted(() => sdk.verify(call));
};

// The SDKs' own chatter must not come between the answers.
const answers = process.stdout.write.bind(process.stdout);
process.stdout.write = process.stderr.write.bind(process.stderr);

for await (const line of createInterface({ input: process.stdin })) {
  answers(`${JSON.stringify(await answer(JSON.parse(line)))}\n`);
}
