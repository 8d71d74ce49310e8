//! The providers: one file each, in which the row says how it signs ([`crate::scheme`]) and the format what it says
//! (`normalise/format.rs`).
//!
//! To add one: write its file here, name it twice below, and follow the checklist in `CONTRIBUTING.md`.

mod adyen;
mod adyen_platform;
mod airwallex;
mod authorizenet;
mod braintree;
mod btcpay;
mod cashfree;
mod chargebee;
mod checkout;
mod coinbase_cdp;
mod coinbase_commerce;
mod creem;
mod dlocal;
mod dodopayments;
mod dwolla;
mod flutterwave;
mod flutterwave_v4;
mod generic;
mod github;
mod gocardless;
mod klarna;
mod lemonsqueezy;
mod mercadopago;
mod midtrans;
mod midtrans_snap;
mod modern_treasury;
mod mollie;
mod mollie_nextgen;
mod nuvei;
mod opennode;
mod paddle;
mod paddle_classic;
mod paypal;
mod paystack;
mod payu;
mod phonepe;
mod phonepe_v1;
mod plaid;
mod polar;
mod prelude;
mod rapyd;
mod razorpay;
mod recurly;
mod shopify;
mod square;
mod standard_webhooks;
mod stripe;
mod wise;
mod woovi;
mod worldpay;
mod xendit;

use crate::provider::Provider;

/// Those whose secrets most readers have first, then by name.
pub(crate) const PROVIDERS: &[&Provider] = &[
    &stripe::STRIPE,
    &adyen::ADYEN,
    &standard_webhooks::STANDARD_WEBHOOKS,
    &adyen_platform::ADYEN_PLATFORM,
    &airwallex::AIRWALLEX,
    &authorizenet::AUTHORIZENET,
    &braintree::BRAINTREE,
    &btcpay::BTCPAY,
    &cashfree::CASHFREE,
    &chargebee::CHARGEBEE,
    &checkout::CHECKOUT,
    &coinbase_cdp::COINBASE_CDP,
    &coinbase_commerce::COINBASE_COMMERCE,
    &creem::CREEM,
    &dlocal::DLOCAL,
    &dodopayments::DODOPAYMENTS,
    &dwolla::DWOLLA,
    &flutterwave::FLUTTERWAVE,
    &flutterwave_v4::FLUTTERWAVE_V4,
    &generic::GENERIC,
    &github::GITHUB,
    &gocardless::GOCARDLESS,
    &klarna::KLARNA,
    &lemonsqueezy::LEMONSQUEEZY,
    &mercadopago::MERCADOPAGO,
    &midtrans::MIDTRANS,
    &midtrans_snap::MIDTRANS_SNAP,
    &modern_treasury::MODERN_TREASURY,
    &mollie::MOLLIE,
    &mollie_nextgen::MOLLIE_NEXTGEN,
    &nuvei::NUVEI,
    &opennode::OPENNODE,
    &paddle::PADDLE,
    &paddle_classic::PADDLE_CLASSIC,
    &paypal::PAYPAL,
    &paystack::PAYSTACK,
    &payu::PAYU,
    &phonepe::PHONEPE,
    &phonepe_v1::PHONEPE_V1,
    &plaid::PLAID,
    &polar::POLAR,
    &rapyd::RAPYD,
    &razorpay::RAZORPAY,
    &recurly::RECURLY,
    &shopify::SHOPIFY,
    &square::SQUARE,
    &wise::WISE,
    &woovi::WOOVI,
    &worldpay::WORLDPAY,
    &xendit::XENDIT,
];
