//! CPU time, which other work on the machine disturbs less than wall-clock time.

use nix::time::{ClockId, clock_gettime};

/// CPU time of all threads of this process so far, user and system, in seconds.
pub(crate) fn of_process() -> anyhow::Result<f64> {
    of(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of the calling thread so far.
pub(crate) fn of_thread() -> anyhow::Result<f64> {
    of(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn of(clock: ClockId) -> anyhow::Result<f64> {
    let time = clock_gettime(clock)?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}

/// Events per CPU-second of `work`, which handles `events`. After a warm-up it is repeated for
/// about a second of CPU time.
pub(crate) fn rate(
    events: usize,
    mut work: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    work()?;
    let began = of_process()?;
    let mut rounds = 0;
    loop {
        work()?;
        rounds += 1;
        let spent = of_process()? - began;
        if spent > 1.0 {
            return Ok(events as f64 * f64::from(rounds) / spent);
        }
    }
}

/// Events per CPU-second of the part of the work that grows with the events: the extra cost of `3 ×
/// events` over `events`. The cost of starting and of the first record of every session cancels
/// out. The warm-up has the large size; otherwise only the large run would pay for new memory,
/// which a long-running process reuses. `work` gets the number of events and returns the
/// CPU-seconds they took.
pub(crate) fn slope(
    events: usize,
    mut work: impl FnMut(usize) -> anyhow::Result<f64>,
) -> anyhow::Result<f64> {
    work(3 * events)?;
    let few = work(events)?;
    let many = work(3 * events)?;
    anyhow::ensure!(many > few, "{events} events took {few} s, three times as many {many} s");
    Ok(2.0 * events as f64 / (many - few))
}

/// The CPU-seconds of `work`.
pub(crate) fn spent(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    spent_by(of_process, work)
}

/// The CPU-seconds of `work` that runs entirely in the calling thread, whatever other threads do.
pub(crate) fn spent_here(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    spent_by(of_thread, work)
}

fn spent_by(
    clock: impl Fn() -> anyhow::Result<f64>,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<f64> {
    let began = clock()?;
    work()?;
    Ok(clock()? - began)
}
