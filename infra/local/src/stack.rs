//! The whole of Payrelay over the embedded engines.

use crate::engines::Engines;
use crate::eventbridge::EventBridge;
use crate::gateway::{self, Functions};
use crate::mapping::{Mapping, PAUSE_AFTER_ERROR};
use crate::server::{self, serve};
use crate::storage::Storage;
use anyhow::Result;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use axum::{Extension, Router};
use destinations::Sender;
use domain::WorkQueue;
use futures::FutureExt;
use futures::future::BoxFuture;
use intake::{Counters, Intake};
use jiff::SignedDuration;
use platform::{
    AdminKeyHash, Aws, AwsEndpoints, Cache, Clock, Entropy, HttpClient, Metrics, SecretText, Vault,
};
use queue::{EVENTS_VISIBILITY_SECONDS, MAX_RECEIVE_COUNT, Queue};
use redrive::{Queues, Redriver};
use relay::{Client, Detours, EgressPolicy, Limits, Resolver};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use store::{PageRequest, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub const TABLE: &str = "payrelay";
const EVENTS_QUEUE: &str = "events";
const EVENTS_DLQ: &str = "events-dlq";
const DELIVERIES_QUEUE: &str = "deliveries";
const SLOW_DELIVERIES_QUEUE: &str = "slow-deliveries";
const DELIVERIES_DLQ: &str = "deliveries-dlq";
const FETCHES_QUEUE: &str = "fetches";
const FETCHES_DLQ: &str = "fetches-dlq";

/// As in the template.
const DELIVERIES_VISIBILITY_SECONDS: u16 = 360;
const FETCHES_VISIBILITY_SECONDS: u16 = 360;

/// Each with its dead-letter queue and its visibility timeout. None of them is a destination for deliveries.
const QUEUES: [(&str, &str, u16); 4] = [
    (EVENTS_QUEUE, EVENTS_DLQ, EVENTS_VISIBILITY_SECONDS),
    (DELIVERIES_QUEUE, DELIVERIES_DLQ, DELIVERIES_VISIBILITY_SECONDS),
    (SLOW_DELIVERIES_QUEUE, DELIVERIES_DLQ, DELIVERIES_VISIBILITY_SECONDS),
    (FETCHES_QUEUE, FETCHES_DLQ, FETCHES_VISIBILITY_SECONDS),
];
const DLQ_VISIBILITY_SECONDS: &str = "180";

/// Which queue is known to the rest of the program as what, and the dead-letter queues as where their messages go back to.
const ORIGINS: [(WorkQueue, &str); 7] = [
    (WorkQueue::Events, EVENTS_QUEUE),
    (WorkQueue::Events, EVENTS_DLQ),
    (WorkQueue::Deliveries, DELIVERIES_QUEUE),
    (WorkQueue::Deliveries, DELIVERIES_DLQ),
    (WorkQueue::SlowDeliveries, SLOW_DELIVERIES_QUEUE),
    (WorkQueue::Fetches, FETCHES_QUEUE),
    (WorkQueue::Fetches, FETCHES_DLQ),
];
/// Dead letters that are looked at when a stack is opened.
const MAX_DEAD_LETTERS_AT_START: usize = 1000;

/// Batches that are handled side by side: a slow endpoint holds up the batch that it is in.
const CONSUMERS: usize = 2;
const DISPATCHERS: usize = 8;
const SLOW_DISPATCHERS: usize = 8;
const FETCHERS: usize = 1;
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// How a stack is set up.
#[derive(Debug)]
pub struct Options {
    pub storage: Storage,
    /// The beginning of the webhook URLs: scheme, host and port.
    pub public_url: String,
    pub admin_key: SecretText,
    pub egress: EgressPolicy,
    /// Who turns the names of endpoints and providers into addresses.
    pub resolver: Resolver,
    /// Stand-ins for the hosts of providers' APIs.
    pub detours: Detours,
    /// The certificates, in DER, that a provider's chain may end in, instead of those of the web.
    pub roots: Option<Vec<Vec<u8>>>,
    pub clock: Clock,
    /// How long the functions keep configuration. On AWS it is [`Options::DEPLOYED_MAX_AGE`]; on one machine a
    /// read costs nothing, and the next request is to see every change.
    pub config_max_age: SignedDuration,
    /// Where a test injects its faults: the functions' calls to AWS go through this client.
    pub http_client: Option<HttpClient>,
}

impl Options {
    /// What the deployed functions use.
    pub const DEPLOYED_MAX_AGE: SignedDuration = consumer::ENDPOINTS_MAX_AGE;

    /// In memory, delivering to loopback: what tests want.
    pub fn for_tests(admin_key: SecretText, clock: Clock) -> Self {
        Self {
            storage: Storage::Memory,
            public_url: "http://payrelay.test".to_owned(),
            admin_key,
            egress: loopback_egress(),
            resolver: Resolver::this_machine(),
            detours: Detours::default(),
            roots: None,
            clock,
            config_max_age: SignedDuration::ZERO,
            http_client: None,
        }
    }
}

/// Deliveries to this machine, and over plain http.
pub fn loopback_egress() -> EgressPolicy {
    EgressPolicy::from_allow_list("127.0.0.0/8,::1/128", true).expect("the ranges are well-formed")
}

/// Everything, at rest: nothing moves until it is asked to.
#[derive(Debug)]
pub struct Stack {
    pub store: Store,
    pub vault: Vault,
    pub sqs: crate::sqs::Sqs,
    pub buses: EventBridge,
    pub clock: Clock,
    /// What was counted of webhooks.
    pub counters: Counters,
    pub consumer: consumer::Deps,
    pub dispatcher: dispatcher::Deps,
    pub fetcher: fetcher::Deps,
    pub sweeper: sweeper::Deps,
    pub dead_letters: dead_letters::Deps,
    pub events: Mapping,
    pub deliveries: Mapping,
    pub slow_deliveries: Mapping,
    pub fetches: Mapping,
    pub events_dead_letters: Mapping,
    pub deliveries_dead_letters: Mapping,
    pub fetches_dead_letters: Mapping,
    /// By queue, how many dead letters waited when the stack was opened.
    waiting_at_start: BTreeMap<WorkQueue, u64>,
    router: Router,
    engines: Engines,
}

impl Stack {
    pub async fn open(options: Options) -> Result<Self> {
        let Options {
            storage,
            public_url,
            admin_key,
            egress,
            resolver,
            detours,
            roots,
            clock,
            config_max_age,
            http_client,
        } = options;
        let admin_key_hash = AdminKeyHash::of(&admin_key)?;
        let engines = Engines::start(&storage, &clock).await?;
        create_queues(&engines)?;
        let entropy = Entropy::system();
        let plain_aws = Aws::local(engines.endpoints.clone());
        let table = Store::new(plain_aws.dynamodb(), TABLE);
        table.create_table().await?;
        let vault = crate::vault::open(&storage, &table, &entropy).await?;
        // After all that may refuse the start: a start that comes to nothing changes nothing.
        engines.sqs.recover()?;
        let aws = match http_client {
            Some(http_client) => plain_aws.clone().with_http_client(http_client).without_retries(),
            None => plain_aws.clone(),
        };
        let store = Store::new(aws.dynamodb(), TABLE);
        let queue = |name| Queue::new(aws.sqs(), engines.queue_url(name));
        let mapping = |name| Mapping::new(engines.sqs.clone(), name);
        let deliveries = queue(DELIVERIES_QUEUE);
        let own_queues: Vec<_> = QUEUES.iter().flat_map(|(queue, dead, _)| [queue, dead]).collect();
        let own_queues: Vec<_> = own_queues.into_iter().map(|name| crate::sqs::arn(name)).collect();
        let client =
            Client::new(egress.clone(), Limits::default(), resolver.clone()).with_via(&vault.fingerprint());
        let sender = Sender::new(client, &aws, &own_queues.join(","), clock.clone())?;

        let consumer = consumer::Deps {
            store: store.clone(),
            deliveries: deliveries.clone(),
            fetches: queue(FETCHES_QUEUE),
            dead_letters: queue(EVENTS_DLQ),
            endpoints: Cache::new(clock.clone(), config_max_age),
            noted: Cache::new(clock.clone(), domain::LAST_EVENT_ACCURACY),
            clock: clock.clone(),
        };
        let dispatcher = dispatcher::Deps {
            store: store.clone(),
            deliveries: deliveries.clone(),
            slow_deliveries: queue(SLOW_DELIVERIES_QUEUE),
            dead_letters: queue(DELIVERIES_DLQ),
            sender: sender.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
            targets: Cache::new(clock.clone(), config_max_age),
            standings: Cache::new(clock.clone(), config_max_age.min(dispatcher::STANDING_MAX_AGE)),
            slow_after: dispatcher::SLOW_AFTER,
        };
        let metrics = Metrics::in_memory(clock.clone());
        let fetcher = fetcher::Deps {
            store: store.clone(),
            vault: vault.clone(),
            client: Client::new(egress.clone(), fetcher::limits(), resolver.clone())
                .with_detours(detours.clone()),
            events: queue(EVENTS_QUEUE),
            fetches: queue(FETCHES_QUEUE),
            dead_letters: queue(FETCHES_DLQ),
            metrics: metrics.clone(),
            clock: clock.clone(),
            accounts: Cache::new(clock.clone(), config_max_age),
            pace: fetcher::Pace::new(fetcher::SPACING, fetcher::CALLS_PER_MINUTE),
            answers: fetcher::answers(&clock),
        };
        let queues = Queues {
            events: queue(EVENTS_QUEUE),
            deliveries: deliveries.clone(),
            slow_deliveries: queue(SLOW_DELIVERIES_QUEUE),
            fetches: queue(FETCHES_QUEUE),
        };
        let sweeper = sweeper::Deps {
            store: store.clone(),
            deliveries: deliveries.clone(),
            redriver: Redriver::new(store.clone(), vault.clone(), queues.clone(), clock.clone()),
            clock: clock.clone(),
        };
        let dead_letters = dead_letters::Deps {
            store: store.clone(),
            vault: vault.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            origins: ORIGINS.map(|(work_queue, name)| (work_queue, queue(name))).into(),
        };
        let counters = Counters::new(metrics);
        // One for each function that has one on AWS.
        let intake = |source_max_age| {
            let parts = intake::Parts {
                store: store.clone(),
                events: queue(EVENTS_QUEUE),
                vault: vault.clone(),
                client: Client::new(egress.clone(), intake::limits(), resolver.clone())
                    .with_detours(detours.clone()),
                counters: counters.clone(),
                clock: clock.clone(),
                entropy: entropy.clone(),
            };
            Intake::new(parts, source_max_age).with_roots(roots.clone())
        };
        let (received, verified_again) = (intake(config_max_age), intake(SignedDuration::ZERO));
        let functions = Functions {
            webhook: webhook::service(webhook::Deps {
                intake: received,
                clock: clock.clone(),
                entropy: entropy.clone(),
            }),
            payments_api: payments_api::service(payments_api::Deps::new(
                store.clone(),
                admin_key_hash.clone(),
                clock.clone(),
                entropy.clone(),
            )),
            endpoints_api: endpoints_api::service(endpoints_api::Deps::new(
                store.clone(),
                deliveries,
                vault.clone(),
                sender,
                admin_key_hash.clone(),
                clock.clone(),
                entropy.clone(),
            )),
            sources_api: sources_api::service(sources_api::Deps::new(
                store.clone(),
                vault.clone(),
                verified_again,
                queues,
                &public_url,
                admin_key_hash,
                clock.clone(),
                entropy,
            )),
        };
        let waiting_at_start = waiting_dead_letters(&Store::new(plain_aws.dynamodb(), TABLE)).await?;
        Ok(Self {
            store,
            vault,
            sqs: engines.sqs.clone(),
            buses: engines.buses.clone(),
            clock,
            counters,
            consumer,
            dispatcher,
            fetcher,
            sweeper,
            dead_letters,
            events: mapping(EVENTS_QUEUE),
            deliveries: mapping(DELIVERIES_QUEUE),
            slow_deliveries: mapping(SLOW_DELIVERIES_QUEUE),
            fetches: mapping(FETCHES_QUEUE),
            events_dead_letters: mapping(EVENTS_DLQ),
            deliveries_dead_letters: mapping(DELIVERIES_DLQ),
            fetches_dead_letters: mapping(FETCHES_DLQ),
            waiting_at_start,
            router: gateway::router(functions),
            engines,
        })
    }

    /// Where the engines are served to AWS SDKs and the AWS CLI.
    pub fn engines(&self) -> &AwsEndpoints {
        &self.engines.endpoints
    }

    /// The HTTP front, for requests without a socket.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// Hands one batch of webhooks to the consumer. Gives the number of messages taken.
    pub async fn consume(&self) -> Result<usize> {
        self.events.poll(0, async |batch| consumer::handle(&self.consumer, batch).await).await
    }

    /// Hands one batch of deliveries of each lane to the dispatcher. Gives the number of messages taken.
    pub async fn dispatch(&self) -> Result<usize> {
        let handle = async |batch| dispatcher::handle(&self.dispatcher, batch).await;
        Ok(self.deliveries.poll(0, handle).await? + self.slow_deliveries.poll(0, handle).await?)
    }

    /// Hands one batch of questions to the fetcher. Gives the number of messages taken.
    pub async fn fetch(&self) -> Result<usize> {
        self.fetches.poll(0, async |batch| fetcher::handle(&self.fetcher, batch).await).await
    }

    /// Hands one batch of each dead-letter queue to the function that records them. Gives the number of messages taken.
    /// [`Stack::settle`] leaves it out, so that a test can look into these queues.
    pub async fn record_dead_letters(&self) -> Result<usize> {
        let mut taken = 0;
        for graveyard in GRAVEYARDS {
            let handle = async |batch| dead_letters::handle(&self.dead_letters, batch).await;
            taken += graveyard(self).poll(0, handle).await?;
        }
        Ok(taken)
    }

    /// A dispatcher as Lambda would keep another one: the same stack, with caches of its own, of the ages that they have
    /// there.
    pub fn another_dispatcher(&self) -> dispatcher::Deps {
        let shared = &self.dispatcher;
        let clock = &shared.clock;
        dispatcher::Deps {
            store: shared.store.clone(),
            deliveries: shared.deliveries.clone(),
            slow_deliveries: shared.slow_deliveries.clone(),
            dead_letters: shared.dead_letters.clone(),
            sender: shared.sender.clone(),
            vault: shared.vault.clone(),
            clock: clock.clone(),
            entropy: shared.entropy.clone(),
            targets: Cache::new(clock.clone(), Options::DEPLOYED_MAX_AGE),
            standings: Cache::new(clock.clone(), dispatcher::STANDING_MAX_AGE),
            slow_after: shared.slow_after,
        }
    }

    /// Consumes, asks the providers and dispatches until no queue has anything to give at this moment.
    pub async fn settle(&self) -> Result<()> {
        while self.consume().await? + self.fetch().await? + self.dispatch().await? > 0 {}
        Ok(())
    }

    /// How many messages of events, and of deliveries, were given up: recorded dead letters that waited when the stack was
    /// opened, those recorded since, and what still stands in the dead-letter queues.
    pub fn dead_letter_counts(&self) -> Result<(u64, u64)> {
        let deliveries = [WorkQueue::Deliveries, WorkQueue::SlowDeliveries];
        Ok((self.given_up(EVENTS_DLQ, &[WorkQueue::Events])?, self.given_up(DELIVERIES_DLQ, &deliveries)?))
    }

    /// How many dead letters waited when the stack was opened, and stand in the dead-letter queues now.
    pub fn dead_letters_waiting(&self) -> Result<u64> {
        let queues: BTreeSet<&str> = QUEUES.iter().map(|(_, dead_letters, _)| *dead_letters).collect();
        queues.into_iter().try_fold(self.waiting_at_start.values().sum(), |sum, queue| {
            let depth = self.sqs.depth(queue)?;
            Ok(sum + depth.visible + depth.in_flight)
        })
    }

    /// How many questions to the providers were given up.
    pub fn fetches_dead_letter_count(&self) -> Result<u64> {
        self.given_up(FETCHES_DLQ, &[WorkQueue::Fetches])
    }

    fn given_up(&self, dead_letter_queue: &str, queues: &[WorkQueue]) -> Result<u64> {
        let recorded = queues.iter().map(|queue| {
            self.waiting_at_start.get(queue).copied().unwrap_or(0) + self.dead_letters.counted(*queue)
        });
        Ok(self.sqs.depth(dead_letter_queue)?.visible + recorded.sum::<u64>())
    }

    /// Serves requests on `listener`, polls the queues and sweeps, until it is stopped.
    pub fn start(self: &Arc<Self>, listener: TcpListener) -> Running {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let router = self.router().layer(Extension(webhook::PlainHttp));
        tasks.spawn(serve(listener, router, server::IDLE, until(stopped.clone())));
        let batches: [(Lane, Handler, usize); 7] = [
            (|stack| &stack.events, consume, CONSUMERS),
            (|stack| &stack.deliveries, dispatch, DISPATCHERS),
            (|stack| &stack.slow_deliveries, dispatch, SLOW_DISPATCHERS),
            (|stack| &stack.fetches, fetch, FETCHERS),
            (GRAVEYARDS[0], bury, 1),
            (GRAVEYARDS[1], bury, 1),
            (GRAVEYARDS[2], bury, 1),
        ];
        for (lane, handler, side_by_side) in batches {
            for _ in 0..side_by_side {
                let (stack, stopped) = (Arc::clone(self), until(stopped.clone()));
                tasks.spawn(async move {
                    lane(&stack).run(stopped, |batch| handler(Arc::clone(&stack), batch)).await;
                });
            }
        }
        let stack = Arc::clone(self);
        tasks.spawn(sweep_every(SWEEP_INTERVAL, stack, stopped));
        Running { tasks, stop }
    }
}

/// One of the mappings.
type Lane = fn(&Stack) -> &Mapping;
/// The function that a mapping hands its batches to.
type Handler = fn(Arc<Stack>, SqsEvent) -> BoxFuture<'static, SqsBatchResponse>;

fn consume(stack: Arc<Stack>, batch: SqsEvent) -> BoxFuture<'static, SqsBatchResponse> {
    async move { consumer::handle(&stack.consumer, batch).await }.boxed()
}

fn dispatch(stack: Arc<Stack>, batch: SqsEvent) -> BoxFuture<'static, SqsBatchResponse> {
    async move { dispatcher::handle(&stack.dispatcher, batch).await }.boxed()
}

fn fetch(stack: Arc<Stack>, batch: SqsEvent) -> BoxFuture<'static, SqsBatchResponse> {
    async move { fetcher::handle(&stack.fetcher, batch).await }.boxed()
}

fn bury(stack: Arc<Stack>, batch: SqsEvent) -> BoxFuture<'static, SqsBatchResponse> {
    async move { dead_letters::handle(&stack.dead_letters, batch).await }.boxed()
}

/// The dead-letter queues.
const GRAVEYARDS: [Lane; 3] = [
    |stack| &stack.events_dead_letters,
    |stack| &stack.deliveries_dead_letters,
    |stack| &stack.fetches_dead_letters,
];

/// A stack at work.
#[derive(Debug)]
pub struct Running {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Takes no more requests and messages, finishes those under way, and ends.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn sweep_every(interval: Duration, stack: Arc<Stack>, stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        let pause = match sweeper::handle(&stack.sweeper).await {
            Ok(_) => interval,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the sweeper stumbled");
                PAUSE_AFTER_ERROR
            }
        };
        let _ = tokio::time::timeout(pause, until(stopped.clone())).await;
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // An error means that the sender is gone: then it is time to stop as well.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

async fn waiting_dead_letters(store: &Store) -> Result<BTreeMap<WorkQueue, u64>> {
    let page = PageRequest { after: None, limit: MAX_DEAD_LETTERS_AT_START };
    let listed = store.list_dead_letters(Some(false), &page).await?;
    let found = store.dead_letters_by_id(listed.items.iter().map(|listed| &listed.id)).await?;
    let mut waiting = BTreeMap::new();
    for stored in found.into_values().flatten() {
        *waiting.entry(stored.letter.death.queue).or_default() += 1;
    }
    Ok(waiting)
}

fn create_queues(engines: &Engines) -> Result<()> {
    for (queue, dead_letters, visibility) in QUEUES {
        let attributes =
            [("VisibilityTimeout", DLQ_VISIBILITY_SECONDS), ("MessageRetentionPeriod", "1209600")];
        engines.sqs.create_queue(dead_letters, &attributes)?;
        let redrive = format!(
            r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":{MAX_RECEIVE_COUNT}}}"#,
            crate::sqs::arn(dead_letters)
        );
        let visibility = visibility.to_string();
        let attributes = [
            ("VisibilityTimeout", visibility.as_str()),
            ("MessageRetentionPeriod", "1209600"),
            ("RedrivePolicy", redrive.as_str()),
        ];
        engines.sqs.create_queue(queue, &attributes)?;
    }
    Ok(())
}
