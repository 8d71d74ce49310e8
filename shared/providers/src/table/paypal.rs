//! PayPal (<https://developer.paypal.com/api/rest/webhooks/event-names/>), the payments of API v2 and v1.
//!
//! **What a payment is.** Refunds, reversals and disputes name the capture (v1: the sale) and nothing else, so the
//! capture is the payment: all that moves its money meets there. An authorisation, whose later captures are payments of
//! their own, is one too; its event alone tells the amount that was reserved, and that it was voided. An order is none:
//! it is shown as the object, and when it completes its first capture is what is told. `invoice_id` (or `custom_id`),
//! which all of them carry, is the merchant's reference and finds them together.
//!
//! **Disputes.** A dispute's events say nothing of money that moved; the refund or reversal that goes with it does, so
//! a lost dispute takes nothing a second time.

use super::prelude::*;
use crate::verify::paypal;
use domain::{DisputeFunds, DisputeStage};

/// Lost, and what it cost is told by a refund or a reversal.
const LOST_ELSEWHERE: crate::normalise::format::Meaning =
    Dispute(Some(DisputeStage::Lost), Some(DisputeFunds::Reinstated));

pub(super) static PAYPAL: Provider = Provider {
    id: "paypal",
    name: "PayPal",
    documentation: "https://developer.paypal.com/api/rest/webhooks/rest/",
    experimental: false,
    schemes: Schemes::Coded(Coded {
        name: "paypal-transmission-sig",
        covers: Covers::Body,
        keeps: &[
            "paypal-auth-algo",
            "paypal-cert-url",
            "paypal-transmission-id",
            "paypal-transmission-sig",
            "paypal-transmission-time",
        ],
        verify: paypal::verify,
    }),
    accepted: OK,
    settings: &[
        Setting {
            name: "webhook_id",
            description: "The webhook's id from PayPal's dashboard. It is signed, and not in the request.",
            required: true,
            values: SettingValues::Id,
        },
        Setting {
            name: "environment",
            description: "Whose certificates count, and whose API is asked. `any`: both, and the live API.",
            required: false,
            values: SettingValues::OneOf(&["any", "live", "sandbox"]),
        },
        Setting {
            name: "verification",
            description: "`api` lets PayPal judge each request, by the source's credential `client_id:secret`.",
            required: false,
            values: SettingValues::OneOf(&["certificate", "api"]),
        },
    ],
    normalise: Normalise::Format(&Format {
        event_id: &[Body("id")],
        key: &[&[Body("id")]],
        kind: &[&[Body("event_type")]],
        time: &[(Body("create_time"), Clock::Rfc3339)],
        unit: AmountUnit::Major,
        subjects: &[
            Subject {
                rules: &[
                    ("PAYMENT.CAPTURE.COMPLETED", "", Paid),
                    ("PAYMENT.CAPTURE.PENDING", "", Processing),
                    ("PAYMENT.CAPTURE.DENIED", "", Failed),
                    ("PAYMENT.CAPTURE.DECLINED", "", Failed),
                    ("PAYMENT.SALE.COMPLETED", "", Paid),
                    ("PAYMENT.SALE.PENDING", "", Processing),
                    ("PAYMENT.SALE.DENIED", "", Failed),
                    ("PAYMENT.AUTHORIZATION.CREATED", "", Authorized),
                    ("PAYMENT.AUTHORIZATION.VOIDED", "", Canceled),
                ],
                ..RESOURCE
            },
            Subject {
                payment: &[
                    Link("resource.links", "up"),
                    Body("resource.capture_id"),
                    Body("resource.sale_id"),
                ],
                operation: &[Body("resource.id")],
                status: &[Body("resource_type"), Body("resource.status")],
                rules: REFUND_STATUS,
                ..RESOURCE
            },
            Subject {
                payment: &[
                    Body("resource.sale_id"),
                    Body("resource.capture_id"),
                    Link("resource.links", "sale"),
                ],
                operation: &[Body("resource.id")],
                status: &[Body("resource_type"), Body("resource.state")],
                // In v1 a refund's amount is below zero.
                amount: Amount::Unsigned(AMOUNT),
                reference: &[],
                rules: &[
                    ("PAYMENT.CAPTURE.REFUNDED", "refund.completed", REFUNDED),
                    ("PAYMENT.CAPTURE.REFUNDED", "refund.pending", REFUND_PENDING),
                    ("PAYMENT.SALE.REFUNDED", "refund.completed", REFUNDED),
                    ("PAYMENT.SALE.REFUNDED", "refund.pending", REFUND_PENDING),
                    ("PAYMENT.SALE.REFUNDED", "refund.failed", REFUND_FAILED),
                ],
                ..RESOURCE
            },
            // Told by the payment itself rather than by what reversed it.
            Subject {
                status: &[Body("resource_type")],
                rules: &[("PAYMENT.CAPTURE.REVERSED", "capture", CaptureReversed)],
                ..RESOURCE
            },
            Subject {
                status: &[Body("resource.state")],
                rules: &[("PAYMENT.SALE.REVERSED", "reversed", CaptureReversed)],
                ..RESOURCE
            },
            Subject {
                payment: &[Body("resource.purchase_units.0.payments.captures.0.id")],
                object: &[Body("resource.id")],
                status: &[Body("resource.purchase_units.0.payments.captures.0.status")],
                amount: Amount::First(&["resource.purchase_units.0.payments.captures.0.amount.value"]),
                currency: Named::At(&["resource.purchase_units.0.payments.captures.0.amount.currency_code"]),
                reference: &[
                    Body("resource.purchase_units.0.invoice_id"),
                    Body("resource.purchase_units.0.custom_id"),
                ],
                rules: &[
                    ("CHECKOUT.ORDER.COMPLETED", "COMPLETED", Paid),
                    ("CHECKOUT.ORDER.COMPLETED", "PENDING", Processing),
                ],
                ..Subject::NOTHING
            },
            Subject {
                status: &[Body("resource.dispute_life_cycle_stage")],
                rules: &[
                    // A question of the buyer's, before anybody claims money.
                    ("CUSTOMER.DISPUTE.CREATED", "INQUIRY", DISPUTE_WARNING),
                    ("CUSTOMER.DISPUTE.CREATED", "", DISPUTE_OPEN),
                    ("CUSTOMER.DISPUTE.UPDATED", "INQUIRY", DISPUTE_UPDATED),
                    // An inquiry may have become a claim.
                    ("CUSTOMER.DISPUTE.UPDATED", "", DISPUTE_OPEN),
                ],
                ..DISPUTE
            },
            Subject {
                status: &[Body("resource.dispute_outcome.outcome_code")],
                rules: &[
                    ("CUSTOMER.DISPUTE.RESOLVED", "RESOLVED_SELLER_FAVOUR", DISPUTE_WON),
                    ("CUSTOMER.DISPUTE.RESOLVED", "CANCELED_BY_BUYER", DISPUTE_WON),
                    ("CUSTOMER.DISPUTE.RESOLVED", "DENIED", DISPUTE_WON),
                    // PayPal pays the buyer itself.
                    ("CUSTOMER.DISPUTE.RESOLVED", "RESOLVED_WITH_PAYOUT", DISPUTE_WON),
                    ("CUSTOMER.DISPUTE.RESOLVED", "RESOLVED_BUYER_FAVOUR", LOST_ELSEWHERE),
                    ("CUSTOMER.DISPUTE.RESOLVED", "ACCEPTED", LOST_ELSEWHERE),
                    ("CUSTOMER.DISPUTE.RESOLVED", "", DISPUTE_UPDATED),
                ],
                ..DISPUTE
            },
        ],
        object: &[Body("resource.id"), Body("resource.order_id"), Body("resource.dispute_id")],
        ..Format::JSON
    }),
};

const AMOUNT: &[&str] = &["resource.amount.value", "resource.amount.total"];

/// A capture, a sale or an authorisation: it is the payment.
const RESOURCE: Subject = Subject {
    payment: &[Body("resource.id")],
    amount: Amount::First(AMOUNT),
    currency: Named::At(&["resource.amount.currency_code", "resource.amount.currency"]),
    reference: &[
        Body("resource.invoice_id"),
        Body("resource.custom_id"),
        Body("resource.invoice_number"),
        Body("resource.custom"),
    ],
    ..Subject::NOTHING
};

/// Of API v2, where the refund says how it stands.
const REFUND_STATUS: &[Rule] = &[
    ("PAYMENT.CAPTURE.REFUNDED", "refund.COMPLETED", REFUNDED),
    ("PAYMENT.CAPTURE.REFUNDED", "refund.PENDING", REFUND_PENDING),
    ("PAYMENT.CAPTURE.REFUNDED", "refund.CANCELLED", REFUND_FAILED),
    ("PAYMENT.CAPTURE.REFUNDED", "refund.FAILED", REFUND_FAILED),
    // PayPal took the money back; the id is that of the reversal.
    ("PAYMENT.CAPTURE.REVERSED", "refund.COMPLETED", REFUNDED),
    ("PAYMENT.CAPTURE.REVERSED", "refund.PENDING", REFUND_PENDING),
    ("PAYMENT.CAPTURE.REVERSED", "refund.CANCELLED", REFUND_FAILED),
    ("PAYMENT.REFUND.PENDING", "refund.PENDING", REFUND_PENDING),
    ("PAYMENT.REFUND.FAILED", "refund.FAILED", REFUND_FAILED),
];

const DISPUTE: Subject = Subject {
    payment: &[Body("resource.disputed_transactions.0.seller_transaction_id")],
    operation: &[Body("resource.dispute_id")],
    amount: Amount::First(&["resource.dispute_amount.value"]),
    currency: Named::At(&["resource.dispute_amount.currency_code"]),
    reference: &[],
    ..Subject::NOTHING
};
