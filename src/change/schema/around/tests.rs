use proptest::prelude::*;

use super::*;

fn around(statements: &[&str]) -> Around {
    let mut around = Around::default();
    statements.iter().for_each(|text| around.see(text.as_bytes(), b"shop", Dialect::default()));
    around
}

fn keys(statements: &[&str]) -> Vec<String> {
    let list = |names: &[Foreign]| names.iter().map(Foreign::to_string).collect::<Vec<_>>().join(",");
    let words = |key: &ForeignKey| {
        let ForeignKey { name, child, columns, parent, refers_to, on_delete, on_update } = key;
        format!("{name}: {child}({}) -> {parent}({}) {on_delete}/{on_update}", list(columns), list(refers_to))
    };
    around(statements).keys.iter().map(words).collect()
}

const CHILD: &str =
    "CREATE TABLE IF NOT EXISTS `parts` (`n` int, `o` int COMMENT 'REFERENCES x (y)', PRIMARY KEY (`n`),
    CONSTRAINT `parts_fk` FOREIGN KEY (`o`, `n`) REFERENCES `orders` (`id`, `m`) ON DELETE CASCADE ON UPDATE SET NULL,
    FOREIGN KEY second (n) REFERENCES other.t (k) MATCH FULL ON UPDATE NO ACTION, CHECK (n > 0)) ENGINE=InnoDB";

#[test]
fn d24_foreign_keys_are_read_where_tables_are_made_and_changed() {
    let both = [
        "parts_fk: shop.parts(o,n) -> shop.orders(id,m) CASCADE/SET NULL",
        "second: shop.parts(n) -> other.t(k) NO ACTION/NO ACTION",
    ];
    assert_eq!(keys(&[CHILD]), both);
    assert_eq!(keys(&[CHILD, CHILD]), both);
    assert_eq!(keys(&[CHILD, "ALTER TABLE parts DROP FOREIGN KEY parts_fk"]), both[1..]);
    assert_eq!(keys(&[CHILD, "alter table shop.parts add y int, drop constraint if exists second"]), both[..1]);
    assert_eq!(keys(&[CHILD, "DROP TABLE orders, parts"]), Vec::<String>::new());
    let renamed = keys(&[CHILD, "RENAME TABLE parts TO b.p, orders TO o2"]);
    assert_eq!(renamed[0], "parts_fk: b.p(o,n) -> shop.o2(id,m) CASCADE/SET NULL");
    assert_eq!(
        keys(&[CHILD, "ALTER TABLE parts RENAME TO p3"])[1],
        "second: shop.p3(n) -> other.t(k) NO ACTION/NO ACTION"
    );
    let added = "ALTER TABLE lines ADD COLUMN c int, ADD CONSTRAINT FOREIGN KEY IF NOT EXISTS (c) REFERENCES t (id) ON DELETE SET DEFAULT";
    assert_eq!(keys(&[added]), [": shop.lines(c) -> shop.t(id) SET DEFAULT/NO ACTION"]);
    let inline = "CREATE TABLE l (a int, b int NOT NULL REFERENCES t (id) ON DELETE CASCADE)";
    assert_eq!(keys(&[inline]), [": shop.l(b) -> shop.t(id) CASCADE/NO ACTION"]);
}

#[test]
fn d23_triggers_come_and_go() {
    let named = |statements: &[&str]| {
        let words = |one: &Trigger| format!("{} {} {} on {}", one.name, one.timing, one.event, one.table);
        around(statements).triggers.iter().map(words).collect::<Vec<_>>()
    };
    let dumped = "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `a` AFTER INSERT ON `t` \
        FOR EACH ROW INSERT INTO `log` SELECT 1 */";
    assert_eq!(named(&[dumped]), ["a after insert on shop.t"]);
    let logged =
        "CREATE OR REPLACE DEFINER=CURRENT_USER TRIGGER IF NOT EXISTS b.a BEFORE DELETE ON t FOR EACH ROW SET @a=1";
    assert_eq!(named(&[logged]), ["a before delete on b.t"]);
    assert_eq!(named(&[dumped, logged]).len(), 2);
    assert_eq!(
        named(&[dumped, "CREATE TRIGGER a BEFORE INSERT OR UPDATE ON t FOR EACH ROW SET @a=1"]),
        ["a before insert or update on shop.t"]
    );
    assert_eq!(named(&[dumped, "DROP TRIGGER IF EXISTS shop.a"]), Vec::<String>::new());
    assert_eq!(named(&[dumped, "DROP TABLE t"]), Vec::<String>::new());
    assert_eq!(named(&[dumped, "RENAME TABLE t TO u"]), ["a after insert on shop.u"]);
    assert_eq!(
        named(&["CREATE PROCEDURE p() CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW SET @a=1"]),
        Vec::<String>::new()
    );
}

#[test]
fn what_is_said_of_no_database_holds_for_all_tables_of_that_name() {
    let mut around = Around::default();
    around.see(
        b"CREATE TABLE parts (o int, FOREIGN KEY (o) REFERENCES orders (id) ON DELETE CASCADE)",
        b"",
        Dialect::default(),
    );
    around.see(b"CREATE TRIGGER a AFTER INSERT ON orders FOR EACH ROW SET @a=1", b"", Dialect::default());
    let home = |schema: &str, table: &str| TableRef { schema: schema.into(), table: table.into() };
    around.settle(&[home("one", "orders"), home("two", "orders"), home("three", "other")]);
    let children: Vec<String> = around.keys.iter().map(|key| key.child.to_string()).collect();
    assert_eq!(children, ["one.parts", "two.parts"]);
    assert_eq!(around.triggers.len(), 2);
}

proptest! {
    #[test]
    fn statements_of_any_bytes_are_read(front in "(CREATE|ALTER|DROP|RENAME) (TABLE|TRIGGER) ", bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let mut around = Around::default();
        around.see(&[front.as_bytes(), &bytes].concat(), b"s", Dialect::default());
        around.see(&bytes, b"", Dialect::default());
        around.settle(&[]);
    }

    #[test]
    fn words_of_definitions_in_any_order_are_read(words in proptest::collection::vec("FOREIGN|KEY|REFERENCES|\\(|\\)|,|a|`b`|ON|DELETE|UPDATE|SET|CASCADE|CONSTRAINT|TRIGGER|ADD|DROP|\\.", 0..30)) {
        for front in ["CREATE TABLE t (", "ALTER TABLE t ", "CREATE ", "DROP TABLE ", "RENAME TABLE "] {
            around(&[&format!("{front}{}", words.join(" "))]);
        }
    }
}
