//! APIs whose answers read as a notification does.

use super::{AnswerForm, Api, CredentialForm, Question, Sent};
use crate::normalise::format::{
    Amount, AmountUnit, At::*, Clock, DISPUTE_CHARGED, Format, Meaning::*, Named, Subject,
};

/// How the type of an answer ends that says: there is no such thing.
pub(super) const UNKNOWN: &str = "status_code.404";

/// <https://docs.midtrans.com/docs/get-status-api-requests>. Asked by `transaction_id`: order ids are the merchant's own
/// text. The answer has the notification's fields. What does not exist is told with status 200 and a `status_code`.
pub(super) static MIDTRANS: Api = Api {
    provider: "midtrans",
    documentation: "https://docs.midtrans.com/docs/get-status-api-requests",
    origin: "https://api.midtrans.com",
    sandbox: Some(("SB-", "https://api.sandbox.midtrans.com")),
    credential: CredentialForm { prefixes: &[], sent: Sent::BasicUser },
    headers: &[],
    question: Question::Payment("/v2/", "/status"),
    answer: AnswerForm::Format(&Format {
        key: &[&[Is("status")]],
        kind: &[&[Body("transaction_status")], &[Is("status_code"), Body("status_code")]],
        // Times have no zone: they are Jakarta's.
        time: &[
            (Body("settlement_time"), Clock::Local("%Y-%m-%d %H:%M:%S", 7)),
            (Body("transaction_time"), Clock::Local("%Y-%m-%d %H:%M:%S", 7)),
        ],
        unit: AmountUnit::Major,
        subjects: &[Subject {
            payment: &[Body("transaction_id")],
            status: &[Body("fraud_status")],
            amount: Amount::First(&["gross_amount"]),
            currency: Named::At(&["currency"]),
            refunded: Amount::First(&["refund_amount"]),
            reference: &[Body("order_id")],
            rules: &[
                ("capture", "challenge", Processing),
                ("capture", "deny", Failed),
                ("capture", "", Paid),
                ("settlement", "", Paid),
                // Of a payment that was taken before.
                ("refund", "", Paid),
                ("partial_refund", "", Paid),
                ("authorize", "", Authorized),
                ("pending", "", Processing),
                ("deny", "", Failed),
                ("failure", "", Failed),
                ("cancel", "", Canceled),
                ("expire", "", Expired),
                ("chargeback", "", DISPUTE_CHARGED),
                ("partial_chargeback", "", DISPUTE_CHARGED),
            ],
            ..Subject::NOTHING
        }],
        ..Format::JSON
    }),
};

/// <https://developers.opennode.com/reference/charge-info>. Amounts are satoshis.
pub(super) static OPENNODE: Api = Api {
    provider: "opennode",
    documentation: "https://developers.opennode.com/reference/charge-info",
    origin: "https://api.opennode.com",
    sandbox: None,
    credential: CredentialForm { prefixes: &[], sent: Sent::Bare },
    headers: &[],
    question: Question::Payment("/v1/charge/", ""),
    answer: AnswerForm::Format(&Format {
        key: &[&[Is("charge")]],
        kind: &[&[Is("charge"), Body("data.status")]],
        time: &[(Body("data.settled_at"), Clock::Seconds), (Body("data.created_at"), Clock::Seconds)],
        exponents: &[("BTC", 8)],
        subjects: &[Subject {
            payment: &[Body("data.id")],
            amount: Amount::First(&["data.amount"]),
            currency: Named::Always("BTC"),
            reference: &[Body("data.order_id")],
            rules: &[
                ("charge.unpaid", "", Created),
                ("charge.underpaid", "", RequiresAction),
                ("charge.processing", "", Processing),
                ("charge.paid", "", Paid),
                ("charge.expired", "", Expired),
            ],
            ..Subject::NOTHING
        }],
        ..Format::JSON
    }),
};

/// <https://developer.flutterwave.com/v3.0.0/docs/transaction-verification>.
pub(super) static FLUTTERWAVE: Api = Api {
    provider: "flutterwave",
    documentation: "https://developer.flutterwave.com/v3.0.0/docs/transaction-verification",
    origin: "https://api.flutterwave.com",
    sandbox: None,
    credential: CredentialForm { prefixes: &["FLWSECK"], sent: Sent::Bearer },
    headers: &[],
    question: Question::Payment("/v3/transactions/", "/verify"),
    answer: AnswerForm::Format(&Format {
        key: &[&[Is("transaction")]],
        kind: &[&[Is("transaction"), Body("data.status")]],
        time: &[(Body("data.created_at"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[Subject {
            payment: &[Body("data.id")],
            amount: Amount::First(&["data.amount"]),
            currency: Named::At(&["data.currency"]),
            reference: &[Body("data.tx_ref")],
            rules: &[
                ("transaction.successful", "", Paid),
                ("transaction.failed", "", Failed),
                ("transaction.pending", "", Processing),
            ],
            ..Subject::NOTHING
        }],
        ..Format::JSON
    }),
};
