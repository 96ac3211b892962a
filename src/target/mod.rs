//! Where backups lie: listing and reading targets. Targets are only ever read.
