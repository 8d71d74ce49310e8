// The baseline of `cargo bench -p speed --bench time`: Stripe's own SDK on the webhook that it reads from
// standard input, as `{"body", "signature", "secret", "rounds"}`. Prints the microseconds that one call takes.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const Stripe = createRequire(new URL('../../sdk/package.json', import.meta.url))('stripe');
const { body, signature, secret, rounds } = JSON.parse(readFileSync(0, 'utf8'));
const stripe = new Stripe('sk_test_nothing_is_called');
const run = (times) => {
  for (let i = 0; i < times; i += 1) stripe.webhooks.constructEvent(body, signature, secret);
};

run(rounds / 10); // so that what is measured has been compiled
const started = process.hrtime.bigint();
run(rounds);
console.log(Number(process.hrtime.bigint() - started) / 1000 / rounds);
