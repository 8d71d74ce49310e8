//! Wise (<https://docs.wise.com/guides/developer/webhooks/event-handling>). Signed under one key for all of its
//! customers, so that a genuine notification says nothing of whose it is but by its `profile_id`: without the setting of
//! that name the address must be kept to oneself.
//!
//! What Wise reports are transfers and balances of one's own account. They are recorded and relayed; they are no
//! payments that somebody made to us, so nothing is booked.

use super::prelude::*;

/// As the page above, Wise's examples (github.com/transferwise/digital-signatures-examples) and pywisetransfer have it.
const PRODUCTION: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAvO8vXV+JksBzZAY6GhSO
XdoTCfhXaaiZ+qAbtaDBiu2AGkGVpmEygFmWP4Li9m5+Ni85BhVvZOodM9epgW3F
bA5Q1SexvAF1PPjX4JpMstak/QhAgl1qMSqEevL8cmUeTgcMuVWCJmlge9h7B1CS
D4rtlimGZozG39rUBDg6Qt2K+P4wBfLblL0k4C4YUdLnpGYEDIth+i8XsRpFlogx
CAFyH9+knYsDbR43UJ9shtc42Ybd40Afihj8KnYKXzchyQ42aC8aZ/h5hyZ28yVy
Oj3Vos0VdBIs/gAyJ/4yyQFCXYte64I7ssrlbGRaco4nKF3HmaNhxwyKyJafz19e
HwIDAQAB
-----END PUBLIC KEY-----
";
const SANDBOX: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwpb91cEYuyJNQepZAVfP
ZIlPZfNUefH+n6w9SW3fykqKu938cR7WadQv87oF2VuT+fDt7kqeRziTmPSUhqPU
ys/V2Q1rlfJuXbE+Gga37t7zwd0egQ+KyOEHQOpcTwKmtZ81ieGHynAQzsn1We3j
wt760MsCPJ7GMT141ByQM+yW1Bx+4SG3IGjXWyqOWrcXsxAvIXkpUD/jK/L958Cg
nZEgz0BSEh0QxYLITnW1lLokSx/dTianWPFEhMC9BgijempgNXHNfcVirg1lPSyg
z7KqoKUN0oHqWLr2U1A+7kqrl6O2nx3CKs1bj1hToT1+p4kcMoHXA7kA+VBLUpEs
VwIDAQAB
-----END PUBLIC KEY-----
";

pub(super) static WISE: Provider = Provider {
    id: "wise",
    name: "Wise",
    documentation: "https://docs.wise.com/guides/developer/webhooks/event-handling",
    experimental: false,
    schemes: Schemes::one(Scheme {
        algorithm: Algorithm::Rsa {
            hash: RsaHash::Sha256,
            key: PublicKey::Fixed {
                by: "environment",
                keys: &[("production", PRODUCTION), ("sandbox", SANDBOX)],
                custom: ("custom", "public_key_pem"),
            },
        },
        conditions: &[Condition::EqualIfSet(Place::Json(&["data", "resource", "profile_id"]), "profile_id")],
        keeps: &["x-signature-sha256", "x-delivery-id", "x-test-notification"],
        ..hmac_of_body("x-signature-sha256", Hash::Sha256, Encoding::Base64)
    }),
    accepted: OK,
    settings: &[
        ENVIRONMENT,
        CUSTOM_KEY,
        Setting {
            name: "profile_id",
            description: "Your profile's number: notifications of other customers, which the same key signs, are \
                          refused. Without it the address must be kept to oneself.",
            required: false,
            values: SettingValues::Text,
        },
    ],
    normalise: Normalise::Format(&Format {
        event_id: &[Header("x-delivery-id")],
        // The delivery's id is not signed; the body has the time at which it was sent.
        key: &[&[BodySha256]],
        kind: &[&[Body("event_type")]],
        time: &[(Body("data.occurred_at"), Clock::Rfc3339), (Body("sent_at"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                status: &[Header("x-test-notification")],
                rules: &[("*", "true", Test)],
                ..Subject::NOTHING
            },
            Subject {
                payment: &[Body("data.resource.id")],
                rules: &[
                    ("transfers#state-change", "", Mention),
                    ("transfers#active-cases", "", Mention),
                    ("transfers#payout-failure", "", Mention),
                    ("transfers#refund", "", Mention),
                ],
                ..Subject::NOTHING
            },
            Subject {
                object: &[Body("data.resource.id")],
                amount: Amount::First(&["data.amount"]),
                currency: Named::At(&["data.currency"]),
                rules: &[("balances#credit", "", Mention), ("balances#update", "", Mention)],
                ..Subject::NOTHING
            },
        ],
        object: &[Body("data.resource.id")],
        ..Format::JSON
    }),
};
