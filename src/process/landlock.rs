//! Landlock: this thread, and all it will ever start, may write below some paths and nowhere else.
//!
//! Fails closed: what the kernel cannot enforce is an error, never less confinement. Linux 6.2 is the least, since
//! before it a file outside could still be truncated. Knows nothing of workers.

use ::landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::confine::{Bounds, DEVICES, LandlockReach, Network};

/// Writing, in every sense: also moving between folders and truncating.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI::V3)
}

/// What is granted below a writable path: a device node made there would be a way out.
fn granted() -> BitFlags<AccessFs> {
    writing() & !(AccessFs::MakeBlock | AccessFs::MakeChar)
}

fn required() -> Ruleset {
    Ruleset::default().set_compatibility(CompatLevel::HardRequirement)
}

fn tcp() -> BitFlags<AccessNet> {
    AccessNet::from_all(ABI::V4)
}

/// What of it this kernel has; nothing is restricted.
pub(super) fn reach() -> Result<LandlockReach, String> {
    let files = required().handle_access(writing()).and_then(Ruleset::create);
    files.map_err(|error| format!("Landlock of Linux 6.2 is not there: {error}"))?;
    let has = |ruleset: Result<Ruleset, RulesetError>| ruleset.and_then(Ruleset::create).is_ok();
    if !has(required().handle_access(tcp())) {
        return Ok(LandlockReach::Files);
    }
    Ok(if has(required().scope(Scope::Signal)) { LandlockReach::TcpAndSignals } else { LandlockReach::Tcp })
}

/// Restricts the calling thread, for good. The paths are looked up now: what takes their place later is not meant.
pub(super) fn restrict_this_thread(bounds: &Bounds) -> Result<(), String> {
    let enforced = restrict(bounds).map_err(|error| format!("cannot be confined by Landlock: {error}"))?;
    match enforced {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => {
            Err("cannot be confined by Landlock: the kernel enforces less than was asked".to_owned())
        }
    }
}

fn restrict(bounds: &Bounds) -> Result<RulesetStatus, RulesetError> {
    let reach = reach().unwrap_or(LandlockReach::Files);
    let mut rules = required().handle_access(writing())?;
    if reach == LandlockReach::TcpAndSignals {
        // A worker signals what it started, and neither us nor another worker.
        rules = rules.scope(Scope::Signal)?;
    }
    if bounds.network == Network::Denied {
        rules = rules.handle_access(tcp())?;
        if reach == LandlockReach::TcpAndSignals {
            rules = rules.scope(Scope::AbstractUnixSocket)?;
        }
    }
    let writable = bounds.writable.iter().map(std::path::PathBuf::as_path);
    let devices = DEVICES.iter().map(std::path::Path::new);
    let rules = rules.create()?.add_rules(path_beneath_rules(writable.chain(devices), granted()))?;
    Ok(rules.restrict_self()?.ruleset)
}
