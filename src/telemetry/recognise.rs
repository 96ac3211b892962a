//! Which spans tell of backups: a Collector's file holds those of every program.

use crate::model::run::Span;

/// Names that nothing but a backup tool gives.
const NAMES: [&[u8]; 6] =
    [b"database_dump", b"output_tar", b"database_restore", b"input_tar", b"pull file", b"pruneTarget"];

/// Whether a span belongs to a backup tool, by its scope, its service, its attributes or its name.
pub(super) fn is_of_backup(span: &Span) -> bool {
    let scope = span.scope.raw_bytes();
    let service = span.service.raw_bytes();
    let named = |text: &[u8]| text.windows(12).any(|part| part == b"mysql-backup") || text.starts_with(b"breakglass");
    named(scope)
        || named(service)
        || NAMES.iter().any(|name| span.name.raw_bytes().starts_with(name))
        || span.attributes.iter().any(|attribute| attribute.key.raw_bytes().starts_with(b"backup."))
}

/// The one span that is no part of any run: each command makes a trace of its own for it.
pub(super) fn is_startup(span: &Span) -> bool {
    span.parent.is_none() && span.name.raw_bytes() == b"startup"
}
