//! `tallylight-sim`: runs seeds of the simulation and reports those that fail. Not part of the
//! product.
#![allow(clippy::print_stdout, reason = "a command-line tool prints its results")]

use clap::Parser;

/// The allocator of the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs seeds of the simulation of the whole platform.
#[derive(Debug, Parser)]
#[command(name = "tallylight-sim")]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Viewers of each run.
    #[arg(long, default_value_t = tallylight_sim::VIEWERS)]
    viewers: usize,
    /// The log drops entries before they are read.
    #[arg(long)]
    loss: bool,
    /// Prints the trace, with every final row.
    #[arg(long)]
    trace: bool,
}

fn main() -> std::process::ExitCode {
    let Arguments { seeds, seed, viewers, loss, trace } = Arguments::parse();
    let run = if loss { tallylight_sim::run_with_loss } else { tallylight_sim::run };
    let mut failed = 0;
    for seed in seed..seed.saturating_add(seeds) {
        let run = run(seed, viewers);
        if trace {
            print!("{}", run.trace.text());
        }
        println!(
            "seed {seed}: {} lines, hash {:016x}",
            run.trace.text().lines().count(),
            run.trace.hash()
        );
        if !run.problems.is_empty() {
            failed += 1;
            println!("{}", run.report(viewers));
        }
    }
    println!("figure: {} passed, {failed} failed", seeds - failed);
    std::process::ExitCode::from(u8::from(failed > 0))
}
