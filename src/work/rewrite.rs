//! Which statements of a dump go to the server, and in which words.

use std::collections::HashSet;

use crate::format::statements::{Kind, Statement};
use crate::model::foreign::Foreign;
use crate::model::plan::RestorePlan;
use crate::sql::lexer::StatementEnd;

/// The choices of a plan that concern single statements.
pub struct Rewriter {
    only: Option<HashSet<Foreign>>,
    skip: HashSet<Foreign>,
}

impl Rewriter {
    /// As the plan says.
    pub fn of(plan: &RestorePlan) -> Self {
        let chosen = |code: &str| {
            plan.findings.iter().find(|finding| finding.code == code).map(|finding| finding.chosen.as_str())
        };
        let skip = (chosen("dbacked_table") == Some("skip")).then(|| Foreign::from("dbacked")).into_iter().collect();
        Self { only: plan.tables.as_ref().map(|tables| tables.iter().cloned().collect()), skip }
    }

    /// Whether a statement goes to the server; `text` may be changed.
    pub fn keep(&self, statement: &Statement, _text: &mut Vec<u8>, _end: &StatementEnd<'_>) -> bool {
        let Some(name) = &statement.name else { return true };
        let of_table = matches!(
            statement.kind,
            Kind::Insert | Kind::CreateTable | Kind::DropTable | Kind::AlterTable | Kind::Lock | Kind::CreateTrigger
        );
        match &self.only {
            Some(only) => of_table && only.contains(&name.name),
            None => !(of_table && self.skip.contains(&name.name)),
        }
    }
}
