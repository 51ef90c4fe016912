//! The words in which people write the rules, on the command line and in files.
//!
//! Knows nothing of where they were written.

use std::str::FromStr;

use crate::schedule::{OnFailure, Order};

impl FromStr for Order {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "stream" => Ok(Self::Stream),
            "waves" => Ok(Self::Waves),
            other => Err(format!("{other:?} is neither \"stream\" nor \"waves\"")),
        }
    }
}

impl FromStr for OnFailure {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "skip-dependents" => Ok(Self::SkipDependents),
            "stop-wave" => Ok(Self::StopWave),
            "stop-all" => Ok(Self::StopAll),
            other => Err(format!("{other:?} is none of \"skip-dependents\", \"stop-wave\", \"stop-all\"")),
        }
    }
}
