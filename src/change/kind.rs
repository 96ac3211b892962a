//! The kinds of events, by the numbers that both products give them.

/// A statement, or BEGIN and COMMIT.
pub const QUERY: u8 = 2;
/// The server shut down.
pub const STOP: u8 = 3;
/// The log goes on in another file.
pub const ROTATE: u8 = 4;
/// Value of an automatic column, before a statement.
pub const INTVAR: u8 = 5;
/// Seeds of RAND(), before a statement.
pub const RAND: u8 = 13;
/// Value of a user variable, before a statement.
pub const USER_VAR: u8 = 14;
/// The first event of a file: versions and checksums.
pub const FORMAT: u8 = 15;
/// A commit of a transactional engine.
pub const XID: u8 = 16;
/// A block of a file that LOAD DATA reads.
pub const BEGIN_LOAD_QUERY: u8 = 17;
/// LOAD DATA as a statement.
pub const EXECUTE_LOAD_QUERY: u8 = 18;
/// Describes a table, before rows of it.
pub const TABLE_MAP: u8 = 19;
/// Rows inserted, version 1.
pub const WRITE_ROWS_V1: u8 = 23;
/// Rows updated, version 1.
pub const UPDATE_ROWS_V1: u8 = 24;
/// Rows deleted, version 1.
pub const DELETE_ROWS_V1: u8 = 25;
/// Events were lost.
pub const INCIDENT: u8 = 26;
/// Nothing happened.
pub const HEARTBEAT: u8 = 27;
/// May be skipped.
pub const IGNORABLE: u8 = 28;
/// The text of the statement whose rows follow (MySQL).
pub const ROWS_QUERY: u8 = 29;
/// Rows inserted, version 2.
pub const WRITE_ROWS: u8 = 30;
/// Rows updated, version 2.
pub const UPDATE_ROWS: u8 = 31;
/// Rows deleted, version 2.
pub const DELETE_ROWS: u8 = 32;
/// A transaction with a GTID follows (MySQL).
pub const GTID: u8 = 33;
/// A transaction without one follows (MySQL).
pub const ANONYMOUS_GTID: u8 = 34;
/// GTIDs of earlier files (MySQL).
pub const PREVIOUS_GTIDS: u8 = 35;
/// Of group replication.
pub const TRANSACTION_CONTEXT: u8 = 36;
/// Of group replication.
pub const VIEW_CHANGE: u8 = 37;
/// An XA transaction is prepared.
pub const XA_PREPARE: u8 = 38;
/// Rows updated, JSON documents by their differences.
pub const PARTIAL_UPDATE_ROWS: u8 = 39;
/// A whole transaction, compressed (MySQL).
pub const TRANSACTION_PAYLOAD: u8 = 40;
/// Nothing happened.
pub const HEARTBEAT_V2: u8 = 41;
/// A transaction with a GTID that may have a tag follows (MySQL).
pub const GTID_TAGGED: u8 = 42;
/// The text of the statement whose rows follow (MariaDB).
pub const ANNOTATE_ROWS: u8 = 160;
/// The oldest file that crash recovery needs (MariaDB).
pub const BINLOG_CHECKPOINT: u8 = 161;
/// A transaction with a GTID follows (MariaDB).
pub const MARIADB_GTID: u8 = 162;
/// GTIDs of earlier files (MariaDB).
pub const GTID_LIST: u8 = 163;
/// All that follows is encrypted (MariaDB).
pub const START_ENCRYPTION: u8 = 164;
/// A statement, compressed (MariaDB).
pub const QUERY_COMPRESSED: u8 = 165;
/// Rows inserted, version 1, compressed (MariaDB).
pub const WRITE_ROWS_COMPRESSED_V1: u8 = 166;
/// Rows updated, version 1, compressed (MariaDB).
pub const UPDATE_ROWS_COMPRESSED_V1: u8 = 167;
/// Rows deleted, version 1, compressed (MariaDB).
pub const DELETE_ROWS_COMPRESSED_V1: u8 = 168;
/// Rows inserted, version 2, compressed (MariaDB).
pub const WRITE_ROWS_COMPRESSED: u8 = 169;
/// Rows updated, version 2, compressed (MariaDB).
pub const UPDATE_ROWS_COMPRESSED: u8 = 170;
/// Rows deleted, version 2, compressed (MariaDB).
pub const DELETE_ROWS_COMPRESSED: u8 = 171;

/// The file was not closed when it was copied: its server was writing to it, or crashed.
pub const FLAG_IN_USE: u16 = 0x0001;
/// Made by a server that sends the log, not in the log itself.
pub const FLAG_ARTIFICIAL: u16 = 0x0020;
/// Who does not know the kind may skip the event.
pub const FLAG_IGNORABLE: u16 = 0x0080;
