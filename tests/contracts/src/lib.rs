//! The engines that stand in for AWS, and real AWS SDK clients for them.
//!
//! The checks in `tests/it` say what Payrelay relies on. Running the same checks over two independent
//! engines is what makes either credible: where both agree with AWS's documentation, so does our reading of
//! it. The same holds for `store`, `queue` and the vault, whose checks stand beside those of the engines that they
//! run on. Where an engine is known to differ from AWS, [`Engine::known_differences`] names the check and the
//! reason; the check is then shown as ignored for that engine and runs for the others.

mod embedded;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use platform::{Aws, AwsEndpoints};

pub use embedded::Embedded;

/// Address of a running ministack, such as `http://127.0.0.1:4566`. Without it only the embedded engines are
/// checked.
pub const MINISTACK_URL: &str = "PAYRELAY_MINISTACK_URL";

/// A check that an engine is known to fail.
#[derive(Debug, Clone, Copy)]
pub struct KnownDifference {
    /// The check, as `area::name`.
    pub check: &'static str,
    /// What the engine does instead of what AWS does.
    pub reason: &'static str,
}

/// Where to reach SQS, DynamoDB, EventBridge and KMS.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Shown with each check.
    pub name: &'static str,
    /// SQS endpoint.
    pub sqs_url: String,
    /// DynamoDB endpoint.
    pub dynamodb_url: String,
    /// EventBridge endpoint.
    pub eventbridge_url: String,
    /// KMS endpoint, of an engine that has one.
    pub kms_url: Option<String>,
    /// The checks not to run, each with its reason.
    pub known_differences: &'static [KnownDifference],
}

impl Engine {
    /// The ministack that the environment names, if it names one.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "a switch of the test suite, not a setting of the product")]
    pub fn ministack() -> Option<Self> {
        let url = std::env::var(MINISTACK_URL).ok().filter(|url| !url.is_empty())?;
        Some(Self {
            name: "ministack",
            sqs_url: url.clone(),
            dynamodb_url: url.clone(),
            eventbridge_url: url.clone(),
            kms_url: Some(url),
            known_differences: MINISTACK_DIFFERENCES,
        })
    }
}

/// Seen with ministack 1.5.33. An entry that no longer holds should go: run the check with
/// `cargo test -p contracts -- --ignored`.
const MINISTACK_DIFFERENCES: &[KnownDifference] = &[
    KnownDifference {
        check: "sqs::an_attribute_is_refused_for_its_name_or_its_value",
        reason: "it takes attributes of any name and value",
    },
    KnownDifference {
        check: "sqs::more_than_ten_attributes_are_refused",
        reason: "it takes any number of attributes",
    },
    KnownDifference {
        check: "queue::a_message_that_is_not_taken_fails_alone",
        reason: "it takes a MessageGroupId that SQS refuses",
    },
    KnownDifference {
        check: "sqs::a_second_delete_succeeds",
        reason: "it refuses the handle of a deleted message; on AWS an old handle succeeds",
    },
    KnownDifference {
        check: "sqs::an_older_receipt_handle_does_not_delete",
        reason: "it refuses the older handle; on AWS the request succeeds",
    },
    KnownDifference {
        check: "sqs::visibility_of_a_deleted_message_cannot_change",
        reason: "it refuses with ReceiptHandleIsInvalid; AWS with InvalidParameterValue",
    },
    KnownDifference {
        check: "sqs::a_quiet_group_is_received_before_the_backlog_of_a_busy_one",
        reason: "it does not emulate the order of fair queues",
    },
    KnownDifference {
        check: "sqs::attributes_count_towards_the_size_of_a_message",
        reason: "it measures the body alone",
    },
    KnownDifference { check: "sqs::a_delay_over_fifteen_minutes_is_refused", reason: "it accepts any delay" },
    KnownDifference {
        check: "sqs::an_unknown_queue_attribute_is_refused",
        reason: "it stores any attribute",
    },
    KnownDifference {
        check: "sqs::a_fifo_queue_has_a_name_of_its_own",
        reason: "it takes `.fifo` for the name of a standard queue",
    },
    KnownDifference {
        check: "sqs::a_deduplication_id_is_not_for_a_standard_queue",
        reason: "it ignores the id",
    },
    KnownDifference {
        check: "eventbridge::an_entry_fails_alone_if_its_detail_is_no_object",
        reason: "it takes any text for a detail",
    },
    KnownDifference {
        check: "eventbridge::an_entry_fails_alone_if_something_is_missing",
        reason: "it takes entries without source, type or detail",
    },
    KnownDifference {
        check: "eventbridge::a_request_has_at_most_one_mebibyte",
        reason: "it takes entries of any size",
    },
    KnownDifference {
        check: "dynamodb::a_batch_get_tells_its_capacity",
        reason: "it leaves ConsumedCapacity out of the answer to BatchGetItem",
    },
    KnownDifference {
        check: "store::a_page_of_a_payments_events_costs_the_same_however_many_there_are",
        reason: "it leaves ConsumedCapacity out of the answer to BatchGetItem",
    },
];

/// The clients of one check, and a name that no other check uses.
pub struct Clients {
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// EventBridge.
    pub eventbridge: aws_sdk_eventbridge::Client,
    /// For what builds its own clients.
    pub aws: Aws,
    /// KMS, where the engine has it.
    pub kms: Option<aws_sdk_kms::Client>,
    /// For the check's queues and tables.
    pub name: String,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Clients {
    /// The clients of the functions, but without retries and timeouts: a check should see each answer, however late.
    #[must_use]
    pub fn new(engine: &Engine) -> Self {
        let aws = Aws::local(AwsEndpoints {
            dynamodb: Some(engine.dynamodb_url.clone()),
            eventbridge: Some(engine.eventbridge_url.clone()),
            kms: engine.kms_url.clone(),
            sqs: Some(engine.sqs_url.clone()),
        });
        let plain = aws.clone().untimed();
        Self {
            sqs: plain.sqs(),
            dynamodb: plain.dynamodb(),
            eventbridge: plain.eventbridge(),
            kms: engine.kms_url.as_ref().map(|_| plain.kms()),
            aws,
            name: unique_name(),
        }
    }
}

/// Unique over the runs against one ministack, which outlives them.
#[expect(clippy::disallowed_methods, reason = "names for this run of the tests")]
fn unique_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("contract-{}-{}-{number}", since_epoch.as_millis(), std::process::id())
}
