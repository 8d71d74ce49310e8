//! The providers: one file each, in which the row says how it signs ([`crate::scheme`]) and the format what it says
//! (`normalise/format.rs`).
//!
//! To add one: write its file here and name it below, put its golden vectors into `tests/vectors/` and a sample of
//! each kind of payload into `tests/vectors/samples/`. Both are picked up; so is the table in the crate's README.

mod adyen;
mod adyen_platform;
mod airwallex;
mod authorizenet;
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
mod github;
mod gocardless;
mod klarna;
mod lemonsqueezy;
mod mercadopago;
mod midtrans;
mod modern_treasury;
mod mollie;
mod mollie_nextgen;
mod nuvei;
mod opennode;
mod paddle;
mod paystack;
mod payu;
mod phonepe;
mod phonepe_v1;
mod polar;
mod prelude;
mod rapyd;
mod razorpay;
mod recurly;
mod shopify;
mod square;
mod standard_webhooks;
mod stripe;
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
    &github::GITHUB,
    &gocardless::GOCARDLESS,
    &klarna::KLARNA,
    &lemonsqueezy::LEMONSQUEEZY,
    &mercadopago::MERCADOPAGO,
    &midtrans::MIDTRANS,
    &modern_treasury::MODERN_TREASURY,
    &mollie::MOLLIE,
    &mollie_nextgen::MOLLIE_NEXTGEN,
    &nuvei::NUVEI,
    &opennode::OPENNODE,
    &paddle::PADDLE,
    &paystack::PAYSTACK,
    &payu::PAYU,
    &phonepe::PHONEPE,
    &phonepe_v1::PHONEPE_V1,
    &polar::POLAR,
    &rapyd::RAPYD,
    &razorpay::RAZORPAY,
    &recurly::RECURLY,
    &shopify::SHOPIFY,
    &square::SQUARE,
    &worldpay::WORLDPAY,
    &xendit::XENDIT,
];
