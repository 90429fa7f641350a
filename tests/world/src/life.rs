//! A processor with history, from its start to its end or death.

use std::path::Path;
use std::sync::Arc;

use tallylight_eventlog::EventLog;
use tallylight_schemas::clock::Clock;
use tallylight_store::history::{Faults, History, Parts as HistoryParts};
use tallylight_stream_processor::archive;
use tallylight_stream_processor::{
    Parts, Processor, ProcessorError, ProcessorHandle, Settings, build,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What a processor is started with.
#[derive(Debug, Clone)]
pub struct Setup<'a> {
    /// Folder of history and snapshots.
    pub dir: &'a Path,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Injected failures of history.
    pub faults: Option<Arc<dyn Faults>>,
}

/// A processor that runs.
#[derive(Debug)]
pub struct Life {
    /// Its handle.
    pub handle: ProcessorHandle,
    /// Its tables.
    pub history: History,
    /// Its main task.
    pub running: JoinHandle<Result<(), ProcessorError>>,
    cancel: CancellationToken,
}

impl Life {
    /// Starts one.
    pub async fn start(setup: Setup<'_>, settings: archive::Settings) -> Self {
        let parts = HistoryParts {
            dir: setup.dir.join("history"),
            log_id: setup.log.id().to_owned(),
            clock: Arc::clone(&setup.clock),
            faults: setup.faults,
            shard: setup.log.shard(),
        };
        let history = History::open(Default::default(), parts).await.unwrap();
        let archive = archive::Parts::open(setup.dir, setup.log.as_ref(), history.clone()).unwrap();
        // The world makes the ticks: it is never idle for ten real seconds.
        let settings =
            Settings { tick_ms: 10_000, retry_ms: 1, archive: settings, ..Settings::default() };
        let parts = Parts {
            log: setup.log,
            clock: setup.clock,
            archive: Some(archive),
            metrics: Default::default(),
        };
        let processor: Processor = build(settings, parts).await.unwrap();
        let (handle, cancel) = (processor.handle(), CancellationToken::new());
        let running = tokio::spawn(processor.run(cancel.clone()));
        Self { handle, history, running, cancel }
    }

    /// Ends it in order.
    pub async fn stop(self) -> History {
        self.cancel.cancel();
        self.running.await.unwrap().unwrap();
        self.history
    }

    /// Asks it to end in order, and waits until it has ended so or died before.
    pub async fn over(self) {
        self.cancel.cancel();
        match self.running.await {
            Ok(how) => how.unwrap(),
            Err(died) => assert!(died.is_cancelled(), "{died}"),
        }
    }
}
