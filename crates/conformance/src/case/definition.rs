//! A case as a value, and the rule that it tests.

use std::borrow::Cow;
use std::fmt;

use super::script::Script;
use crate::id::CaseId;
use crate::side::Side;

/// How strongly the RFC demands what a case tests (RFC 2119).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// An endpoint that behaves differently breaks the protocol.
    Must,
    /// There may be a good reason to behave differently.
    Should,
    /// The endpoint may choose.
    May,
    /// The RFC does not say anything about it; the case shows what the endpoint does.
    Info,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Info => "INFO",
        })
    }
}

/// The rule that a case tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The section, such as `RFC 6455 §5.5`.
    pub section: &'static str,
    /// The sentence in the RFC's words, shortened.
    pub sentence: &'static str,
    /// How strongly it demands that.
    pub level: Level,
}

impl Rule {
    /// A rule that an endpoint must keep.
    #[must_use]
    pub const fn must(section: &'static str, sentence: &'static str) -> Self {
        Self { section, sentence, level: Level::Must }
    }

    /// A rule that an endpoint should keep.
    #[must_use]
    pub const fn should(section: &'static str, sentence: &'static str) -> Self {
        Self { section, sentence, level: Level::Should }
    }

    /// A rule that leaves the choice to the endpoint.
    #[must_use]
    pub const fn may(section: &'static str, sentence: &'static str) -> Self {
        Self { section, sentence, level: Level::May }
    }

    /// Behaviour about which the RFC says nothing.
    #[must_use]
    pub const fn info(section: &'static str, sentence: &'static str) -> Self {
        Self { section, sentence, level: Level::Info }
    }
}

/// How much data the cases of sections 9, 12 and 13 send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// A part that keeps the point of each case.
    #[default]
    Quick,
    /// As much as Autobahn's suite sends.
    Full,
}

/// A test of one rule, or of one aspect of it.
pub struct Case {
    /// Its number. Autobahn's cases have Autobahn's numbers.
    pub id: CaseId,
    /// What it is about, in a few words.
    pub title: Cow<'static, str>,
    /// What the runner sends.
    pub sends: Cow<'static, str>,
    /// What the subject must do.
    pub expects: Cow<'static, str>,
    /// The rule behind it.
    pub rule: Rule,
    /// The side that it is for; `None` for both.
    pub only: Option<Side>,
    /// How Autobahn's case with the same number differs, if it does.
    pub differs: Option<&'static str>,
    script: Box<dyn Fn(Side, Scale) -> Script + Send + Sync>,
}

impl Case {
    /// A case for both sides.
    pub fn new(
        id: &str,
        title: impl Into<Cow<'static, str>>,
        rule: Rule,
        script: impl Fn(Side, Scale) -> Script + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.parse().expect("the number of a case"),
            title: title.into(),
            sends: Cow::Borrowed(""),
            expects: Cow::Borrowed(""),
            rule,
            only: None,
            differs: None,
            script: Box::new(script),
        }
    }

    /// The case, with descriptions of what it sends and expects.
    #[must_use]
    pub fn words(
        mut self,
        sends: impl Into<Cow<'static, str>>,
        expects: impl Into<Cow<'static, str>>,
    ) -> Self {
        (self.sends, self.expects) = (sends.into(), expects.into());
        self
    }

    /// The case, for subjects on this side only.
    #[must_use]
    pub fn only(mut self, side: Side) -> Self {
        self.only = Some(side);
        self
    }

    /// The case, with a note on how Autobahn's differs.
    #[must_use]
    pub fn differs(mut self, note: &'static str) -> Self {
        self.differs = Some(note);
        self
    }

    /// Whether it can be run against a subject on this side.
    #[must_use]
    pub fn is_for(&self, side: Side) -> bool {
        self.only.is_none_or(|only| only == side)
    }

    /// What the runner does against a subject on this side.
    #[must_use]
    pub fn script(&self, side: Side, scale: Scale) -> Script {
        (self.script)(side, scale)
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("id", &self.id)
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}
