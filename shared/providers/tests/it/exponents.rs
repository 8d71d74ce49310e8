//! Digits after the decimal point: ISO 4217's, and where a provider's amounts differ from it.

use crate::support;
use domain::{Currency, Notification};
use providers::Settings;
use serde_json::{Value, json};

/// ISO 4217, list one (<https://www.six-group.com/en/products-services/financial-information/data-standards.html>).
const NONE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THREE: &str = "BHD IQD JOD KWD LYD OMR TND";
const FOUR: &str = "CLF UYW";
const TWO: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF \
                   CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD \
                   GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL \
                   MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR \
                   PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP \
                   TRY TTD TWD TZS UAH USD USN UZS VED VES WST XCD XCG YER ZAR ZMW ZWG";
/// Metals, baskets and codes for tests have no minor unit.
const NOT_APPLICABLE: &str = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX";

fn codes(list: &str) -> Vec<Currency> {
    list.split_whitespace().map(|code| code.parse().unwrap()).collect()
}

/// All that there may be by its form, so that none is forgotten.
fn every_code() -> impl Iterator<Item = Currency> {
    let letters = || 'A'..='Z';
    letters().flat_map(move |first| {
        letters().flat_map(move |second| {
            letters().map(move |third| format!("{first}{second}{third}").parse().unwrap())
        })
    })
}

#[test]
fn every_currency_of_iso_4217_has_the_decimals_of_the_standard() {
    for (list, exponent) in [(NONE, 0), (TWO, 2), (THREE, 3), (FOUR, 4)] {
        for currency in codes(list) {
            assert_eq!(currency.exponent(), Some(exponent), "{currency}");
        }
    }
    for currency in codes(NOT_APPLICABLE) {
        assert_eq!(currency.exponent(), None, "{currency}");
    }
}

/// Codes that were withdrawn stay known: old payments are in them. None of them is sent today.
#[test]
fn no_other_code_has_unusual_decimals() {
    let unusual = [codes(NONE), codes(THREE), codes(FOUR)].concat();
    let others: Vec<Currency> = every_code()
        .filter(|currency| currency.exponent().is_some_and(|exponent| exponent != 2))
        .filter(|currency| !unusual.contains(currency))
        .collect();
    assert_eq!(others, []);
}

/// What a provider sends about a payment, its exceptions, and where it says so.
struct Row {
    provider: &'static str,
    payload: fn(&str) -> Value,
    exceptions: &'static [(&'static str, u8)],
    /// Its page on amounts.
    source: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        provider: "stripe",
        payload: |currency| {
            let intent =
                json!({"id": "pi_1", "object": "payment_intent", "amount": 1000, "currency": currency});
            json!({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded", "created": 1,
                "data": {"object": intent}})
        },
        // HUF and TWD are special in payouts alone.
        exceptions: &[("ISK", 2), ("MGA", 0), ("UGX", 2)],
        source: "https://docs.stripe.com/currencies#special-cases",
    },
    Row {
        provider: "adyen",
        payload: |currency| {
            json!({"live": "false", "notificationItems": [{"NotificationRequestItem": {"pspReference": "P",
                "eventCode": "AUTHORISATION", "success": "true", "merchantReference": "r",
                "eventDate": "2026-11-22T12:00:00+00:00", "amount": {"value": 1000, "currency": currency}}}]})
        },
        exceptions: &[("CLP", 2), ("CVE", 0), ("IDR", 0), ("ISK", 2)],
        source: "https://docs.adyen.com/development-resources/currency-codes/",
    },
    Row {
        provider: "checkout",
        payload: |currency| {
            json!({"id": "evt_1", "type": "payment_approved", "created_on": "2026-11-22T12:00:00Z",
                "data": {"id": "pay_1", "action_id": "act_1", "amount": 1000, "currency": currency}})
        },
        exceptions: &[("CLF", 0), ("CLP", 2)],
        source: "https://www.checkout.com/docs/payments/accept-payments/format-the-amount-value",
    },
    Row {
        provider: "paystack",
        payload: |currency| {
            json!({"event": "charge.success", "data": {"id": 1, "reference": "r", "status": "success",
                "amount": 1000, "currency": currency}})
        },
        exceptions: &[("XOF", 2)],
        source: "https://paystack.com/docs/api/#supported-currency",
    },
    Row {
        provider: "square",
        payload: |currency| {
            let money = json!({"amount": 1000, "currency": currency});
            json!({"event_id": "1", "type": "payment.created", "created_at": "2026-11-22T12:00:00Z", "data": {"id": "p",
                "object": {"payment": {"id": "p", "status": "COMPLETED", "amount_money": money, "total_money": money}}}})
        },
        exceptions: &[],
        source: "https://developer.squareup.com/docs/build-basics/working-with-monetary-amounts",
    },
    Row {
        provider: "razorpay",
        payload: |currency| {
            json!({"event": "payment.captured", "created_at": 1, "payload": {"payment": {"entity":
                {"id": "pay_1", "amount": 1000, "currency": currency}}}})
        },
        exceptions: &[],
        source: "https://razorpay.com/docs/api/best-practices/",
    },
];

fn notification(provider: &str, payload: &Value) -> Result<Notification, providers::Malformed> {
    let verified = support::verified(provider, &[], payload.to_string().as_bytes());
    let mut notifications = verified.notifications(&Settings::new())?;
    assert_eq!(notifications.len(), 1, "{provider}");
    Ok(notifications.remove(0))
}

#[test]
fn providers_amounts_have_the_decimals_that_they_document() {
    for Row { provider, payload, exceptions, source } in ROWS {
        for (list, standard) in [(NONE, 0), (TWO, 2), (THREE, 3), (FOUR, 4)] {
            for currency in codes(list) {
                let exception = exceptions.iter().find(|(code, _)| *code == currency.as_str());
                let expected = exception.map_or(standard, |(_, exponent)| *exponent);
                let got = notification(provider, &payload(currency.as_str())).unwrap();
                let told = (got.currency, got.amount, got.exponent);
                assert_eq!(told, (Some(currency), Some(1000), Some(expected)), "{provider}, see {source}");
            }
        }
        for (code, exponent) in *exceptions {
            let standard = code.parse::<Currency>().unwrap().exponent();
            assert_ne!(standard, Some(*exponent), "{provider}: {code} is no exception");
        }
    }
}

#[test]
fn decimal_amounts_become_minor_units_by_the_currency_and_what_is_finer_is_refused() {
    let payload = |currency: &str, amount: &str| {
        let amount: serde_json::Number = amount.parse().unwrap();
        json!({"id": "evt_1", "name": "payment_intent.succeeded", "created_at": "2026-11-22T12:00:00Z",
            "data": {"object": {"id": "int_1", "amount": amount, "captured_amount": amount, "currency": currency}}})
    };
    for (list, amount, too_fine) in [
        (NONE, "1000", "1000.5"),
        (TWO, "10.25", "10.255"),
        (THREE, "1.125", "1.1255"),
        (FOUR, "1.0625", "1.06255"),
    ] {
        for currency in codes(list) {
            let read = notification("airwallex", &payload(currency.as_str(), amount)).unwrap();
            let digits: i64 = amount.replace('.', "").parse().unwrap();
            assert_eq!((read.amount, read.exponent), (Some(digits), currency.exponent()), "{currency}");
            assert!(notification("airwallex", &payload(currency.as_str(), too_fine)).is_err(), "{currency}");
        }
    }
}

/// As their tokens' contracts say; ISO 4217 does not know them.
#[test]
fn stablecoins_have_six_decimals() {
    for coin in ["USDC", "EURC"] {
        let payload = json!({"eventType": "checkout.payment.success", "id": "c_1", "amount": "1.250001",
            "currency": coin, "status": "COMPLETED"});
        let read = notification("coinbase_cdp", &payload).unwrap();
        assert_eq!((read.amount, read.exponent), (Some(1_250_001), Some(6)), "{coin}");
    }
}
