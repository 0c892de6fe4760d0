//! In which of its ways is the note read? One choice for each open decision.

use crate::failure::Failure;

/// A max_duration finalize finds an open turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum D1 {
    Reuse,
    Mint,
}

/// A closing finalize clears before or after its jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum D2 {
    Before,
    After,
}

/// When in the batch the write of a max_duration finalize happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum D3 {
    AfterBatch,
    AfterFirstJob,
}

/// What becomes of an affinity that exists already; the write script knows these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum D4 {
    Overwrite,
    WriteOnce,
    Repair,
}

impl D4 {
    pub fn as_str(self) -> &'static str {
        match self {
            D4::Overwrite => "overwrite",
            D4::WriteOnce => "write-once",
            D4::Repair => "repair",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    pub d1: D1,
    pub d2: D2,
    pub d3: D3,
    pub d4: D4,
}

pub const INTENT: Reading = Reading { d1: D1::Reuse, d2: D2::Before, d3: D3::AfterBatch, d4: D4::Overwrite };
pub const LITERAL: Reading = Reading { d1: D1::Mint, ..INTENT };
pub const CONTINUOUS: Reading = Reading { d2: D2::After, d3: D3::AfterFirstJob, ..INTENT };
pub const DECIDED: Reading = Reading { d4: D4::WriteOnce, ..CONTINUOUS };
pub const STEADY: Reading = Reading { d4: D4::Repair, ..CONTINUOUS };

impl Reading {
    /// A preset's name, or choices such as `D1=mint,D4=repair` (the rest as in `intent`).
    pub fn parse(text: &str) -> Result<Self, Failure> {
        match text {
            "intent" => return Ok(INTENT),
            "literal" => return Ok(LITERAL),
            "continuous" => return Ok(CONTINUOUS),
            "decided" => return Ok(DECIDED),
            "steady" => return Ok(STEADY),
            _ => (),
        }
        let mut reading = INTENT;
        for part in text.split(',') {
            let (decision, choice) = part.split_once('=').unwrap_or((part, ""));
            match (decision.trim(), choice.trim()) {
                ("D1", "reuse") => reading.d1 = D1::Reuse,
                ("D1", "mint") => reading.d1 = D1::Mint,
                ("D2", "before") => reading.d2 = D2::Before,
                ("D2", "after") => reading.d2 = D2::After,
                ("D3", "after-batch") => reading.d3 = D3::AfterBatch,
                ("D3", "after-first-job") => reading.d3 = D3::AfterFirstJob,
                ("D4", "overwrite") => reading.d4 = D4::Overwrite,
                ("D4", "write-once") => reading.d4 = D4::WriteOnce,
                ("D4", "repair") => reading.d4 = D4::Repair,
                _ => {
                    let hint = "use a preset, or choices such as D1=mint,D4=repair";
                    return Err(Failure::BadRequest(format!("reading \"{text}\" is unknown; {hint}")));
                }
            }
        }
        Ok(reading)
    }

    /// `("D1", "reuse")` and so on, as hello claims them.
    pub fn choices(&self) -> [(&'static str, &'static str); 4] {
        [
            ("D1", if self.d1 == D1::Reuse { "reuse" } else { "mint" }),
            ("D2", if self.d2 == D2::Before { "before" } else { "after" }),
            ("D3", if self.d3 == D3::AfterBatch { "after-batch" } else { "after-first-job" }),
            ("D4", self.d4.as_str()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_that_are_not_named_are_those_of_intent() {
        assert_eq!(Reading::parse("D1=mint, D4=repair").unwrap(), Reading { d4: D4::Repair, ..LITERAL });
        assert!(Reading::parse("D1=sometimes").is_err());
    }
}
