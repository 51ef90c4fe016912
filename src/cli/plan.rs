//! `plan`: what would run when, how long it would take, and where it would get stuck.
//!
//! Writes nothing and starts nothing; stands anywhere, in a repository or not.

use clap::ValueEnum;

use crate::cli::chosen;
use crate::cli::context::{Commands, Selection, bad_config, load};
use crate::cli::run::Workers;
use crate::cli::{CliError, Exit, Face};
use crate::config::Config;
use crate::plan::{Plan, PlanReport, analyse};
use crate::report::{plan_dot, plan_mermaid, plan_svg, plan_text};
use crate::run::{Parallel, measure};
use crate::schedule::{Demand, auto};

#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    #[command(flatten)]
    what: Selection,
    #[command(flatten)]
    workers: Workers,
    /// How to show it
    #[arg(long, value_enum, default_value = "text")]
    format: Picture,
}

/// The forms a plan is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Picture {
    /// For people
    Text,
    /// One document, as --json
    Json,
    /// A flowchart that GitHub and GitLab draw
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
}

pub(crate) fn run(args: &Args, face: &Face) -> Result<Exit, CliError> {
    let root = chosen::root(face);
    let config = Config::load(Some(&root)).map_err(bad_config)?;
    let mut loaded = load(face, &config, &args.what, Commands::Optional)?;
    let asked = args.workers.parallel.or(args.workers.jobs).or_else(|| config.value("run.parallel"));
    let asked = asked.or(loaded.recommended_workers.map(Parallel::Count)).unwrap_or(Parallel::Auto);
    let mut report = analyse(&loaded.plan, count(asked, &loaded.plan, &config, &root));
    report.warnings = std::mem::take(&mut loaded.warnings);
    show(&report, if face.json() { Picture::Json } else { args.format }, face)?;
    Ok(Exit::Done)
}

fn count(asked: Parallel, plan: &Plan, config: &Config, root: &std::path::Path) -> usize {
    match asked {
        Parallel::Count(count) => count,
        Parallel::Auto => {
            let of_width = Demand::of_width(plan.width().max(1));
            let demand = Demand { cap: config.value("run.cap").unwrap_or(of_width.cap), ..of_width };
            auto(&measure(root), &demand).count
        }
    }
}

fn show(report: &PlanReport, picture: Picture, face: &Face) -> Result<(), CliError> {
    match picture {
        Picture::Json => face.document(report)?,
        Picture::Text => face.say(&plan_text(report, face.color)),
        Picture::Mermaid => face.say(&plan_mermaid(report)),
        Picture::Dot => face.say(&plan_dot(report)),
        Picture::Svg => face.say(&plan_svg(report)),
    }
    Ok(())
}
