//! The day of the demo's shop as its server logged it: orders since last night's backup, and an accident.

use std::collections::BTreeMap;

use jiff::civil;
use jiff::tz::TimeZone;

use crate::model::units::Moment;
use crate::work::demo::binlog::{Log, Rows, Statement, Table, Transaction};
use crate::work::demo::cells::{Cell, Column, Kind};
use crate::work::demo::dumps::{Database, Dice, OrderItem, PRODUCTS, Product, order_items};

const MINUTE: i64 = 60_000;
/// Transactions of the server before these logs.
const BEFORE: u64 = 97_410;
/// The connection of the person who forgot a WHERE.
pub const CULPRIT: u32 = 8_841;
/// Threads of the shop itself.
const SHOP: [u32; 4] = [8_902, 8_903, 8_917, 8_930];

/// One file of the sequence.
#[derive(Debug)]
pub struct LogFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// When the server last wrote to it.
    pub at: Moment,
}

const STATES: &[&str] = &["open", "paid", "shipped", "returned"];

const fn column(name: &'static str, kind: Kind) -> Column {
    Column { name, kind, nullable: false }
}

static ORDERS: Table = Table {
    id: 118,
    name: "orders",
    columns: &[
        column("id", Kind::Unsigned),
        column("customer_id", Kind::Unsigned),
        column("placed", Kind::DateTime),
        column("status", Kind::Enum(STATES)),
        Column { name: "note", kind: Kind::Text, nullable: true },
    ],
    key: &[0],
};

static ITEMS: Table = Table {
    id: 119,
    name: "order_items",
    columns: &[
        column("order_id", Kind::Unsigned),
        column("line", Kind::Tiny),
        column("product_id", Kind::Unsigned),
        column("quantity", Kind::Small),
        column("price", Kind::Money),
    ],
    key: &[0, 1],
};

static GOODS: Table = Table {
    id: 120,
    name: "products",
    columns: &[
        column("id", Kind::Unsigned),
        column("sku", Kind::Char(8)),
        column("title", Kind::Varchar(120)),
        column("price", Kind::Money),
        column("stock", Kind::Int),
    ],
    key: &[0],
};

/// When the accident happens in a demo that is opened at `now`.
pub fn accident_at(now: Moment) -> Moment {
    Moment(now.0.div_euclid(MINUTE) * MINUTE - 97 * MINUTE + 11_204)
}

/// The shop's tables as they are at the end of the logs, as `SHOW CREATE TABLE` tells them.
pub fn definitions() -> String {
    let mut sql = "USE `shop`;\n".to_owned();
    let mut inside = false;
    for line in Database::Shop.template().lines() {
        inside |= line.starts_with("CREATE TABLE ");
        if inside {
            sql.push_str(line);
            sql.push('\n');
            if line.starts_with("  `joined`") {
                sql.push_str("  `phone` varchar(32) DEFAULT NULL,\n");
            }
        }
        inside &= !line.ends_with(';');
    }
    sql
}

/// Three files that follow on the backup of `backup_at`, with `day` days in it, and end two minutes before `now`.
pub fn logs(backup_at: Moment, day: u32, now: Moment) -> Vec<LogFile> {
    let mut day = Day::new(day);
    let end = now.0.div_euclid(MINUTE) * MINUTE - 2 * MINUTE;
    let accident = accident_at(now).0;
    let whole = |at: i64| at.div_euclid(MINUTE) * MINUTE;
    let ends = [whole(backup_at.0 + (accident - backup_at.0) / 2), whole(accident) - 20 * MINUTE, end];
    let mut files = vec![];
    let (mut from, mut gno) = (whole(backup_at.0), BEFORE);
    for (at, until) in ends.into_iter().enumerate() {
        let mut log = Log::new(Moment(from), gno);
        for minute in (from..until).step_by(MINUTE as usize) {
            if (minute..minute + MINUTE).contains(&accident) {
                day.accident(&mut log, accident); // locks the table for the rest of that minute
            } else if !day.aftermath(&mut log, minute, accident) {
                day.minute(&mut log, minute);
            }
        }
        gno = log.gno();
        let next = (at + 1 < ends.len()).then(|| name(at + 1));
        files.push(LogFile { name: name(at), bytes: log.finish(Moment(until), next.as_deref()), at: Moment(until) });
        from = until;
    }
    files
}

fn name(at: usize) -> String {
    format!("binlog.{:06}", 411 + at)
}

/// The shop's tables as they are at some time of the day.
struct Day {
    items: BTreeMap<(u32, u8), OrderItem>,
    goods: Vec<Product>,
    /// The number of the newest order.
    order: u32,
    /// Orders of today that are not paid yet, oldest first: their rows.
    unpaid: Vec<Vec<Cell>>,
}

impl Day {
    fn new(day: u32) -> Self {
        let count = order_items(day);
        let items = (1..=count).map(OrderItem::of).map(|item| ((item.order, item.line), item)).collect();
        Self { items, goods: (1..=PRODUCTS).map(Product::of).collect(), order: count / 2, unpaid: vec![] }
    }

    /// What the shop sells in a minute, and what is paid.
    fn minute(&mut self, log: &mut Log, minute: i64) {
        let dice = Dice::of("minutes", (minute / MINUTE) as u32);
        for sale in 0..dice.pick(1, 3) as u64 {
            let at = minute + sale as i64 * 19_000 + dice.pick(10 + sale, 15_000) as i64;
            let thread = SHOP[dice.pick(20 + sale, SHOP.len())];
            log.transaction(&Transaction { at: Moment(at), thread, statements: self.sale(Moment(at)) });
        }
        if dice.pick(30, 2) == 0 && !self.unpaid.is_empty() {
            let at = Moment(minute + 54_000 + dice.pick(31, 5_000) as i64);
            let statements = vec![self.payment()];
            log.transaction(&Transaction { at, thread: SHOP[dice.pick(32, SHOP.len())], statements });
        }
    }

    /// An order, its lines, and the goods that are gone.
    fn sale(&mut self, at: Moment) -> Vec<Statement> {
        self.order += 1;
        let id = self.order;
        let dice = Dice::of("sales", id);
        let note = if dice.pick(4, 9) == 0 { Cell::Text("please don't ring".to_owned()) } else { Cell::Null };
        let customer = dice.pick(3, 600) as u32 + 1;
        let order = vec![Cell::Unsigned(id), Cell::Unsigned(customer), placed(at), Cell::Label(1), note];
        self.unpaid.push(order.clone());
        let lines: Vec<OrderItem> =
            (1..=2).map(|line| OrderItem { order: id, line, ..OrderItem::of(id * 2 + u32::from(line)) }).collect();
        let mut taken = BTreeMap::new();
        for item in &lines {
            self.items.insert((item.order, item.line), item.clone());
            *taken.entry(item.product).or_insert(0) += item.quantity;
        }
        let taken: Vec<_> = taken.into_iter().map(|(product, count)| self.take(product, count)).collect();
        vec![
            Statement {
                sql: format!("INSERT INTO orders (customer_id, placed) VALUES ({customer}, '{}')", at.second()),
                table: &ORDERS,
                rows: Rows::Insert(vec![order]),
            },
            Statement {
                sql: "INSERT INTO order_items VALUES (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)".to_owned(),
                table: &ITEMS,
                rows: Rows::Insert(lines.iter().map(item_row).collect()),
            },
            Statement {
                sql: format!(
                    "UPDATE products p JOIN order_items i ON i.product_id = p.id SET p.stock = p.stock - i.quantity WHERE i.order_id = {id}"
                ),
                table: &GOODS,
                rows: Rows::Update(taken),
            },
        ]
    }

    fn take(&mut self, product: u32, count: u32) -> (Vec<Cell>, Vec<Cell>) {
        let before = self.goods_row(product);
        let goods = &mut self.goods[product as usize - 1];
        // An empty shelf is filled again before it is sold from.
        goods.stock = if goods.stock >= count { goods.stock - count } else { 200 };
        (before, self.goods_row(product))
    }

    fn goods_row(&self, product: u32) -> Vec<Cell> {
        let goods = &self.goods[product as usize - 1];
        let (sku, title) = (Cell::Char(goods.sku.clone()), Cell::Text(goods.title.clone()));
        vec![Cell::Unsigned(product), sku, title, Cell::Money(goods.cents), Cell::Int(goods.stock as i32)]
    }

    fn payment(&mut self) -> Statement {
        let before = self.unpaid.remove(0);
        let mut after = before.clone();
        after[3] = Cell::Label(2);
        let Cell::Unsigned(id) = before[0] else { unreachable!("the first column of orders is its number") };
        Statement {
            sql: format!("UPDATE orders SET status = 'paid' WHERE id = {id}"),
            table: &ORDERS,
            rows: Rows::Update(vec![(before, after)]),
        }
    }

    /// A DELETE without a WHERE.
    fn accident(&mut self, log: &mut Log, at: i64) {
        let rows = self.items.values().map(item_row).collect();
        self.items.clear();
        let sql = "DELETE FROM order_items".to_owned();
        let statements = vec![Statement { sql, table: &ITEMS, rows: Rows::Delete(rows) }];
        log.transaction(&Transaction { at: Moment(at), thread: CULPRIT, statements });
    }

    /// What people do after it, if they do it in that minute: one line is entered by hand again, prices are changed by mistake, a column is added.
    fn aftermath(&mut self, log: &mut Log, minute: i64, accident: i64) -> bool {
        let at = Moment(minute + 41_000);
        match (minute - accident.div_euclid(MINUTE) * MINUTE) / MINUTE {
            4 => {
                let lost = OrderItem::of(12);
                let item = OrderItem { quantity: lost.quantity + 1, ..lost };
                self.items.insert((item.order, item.line), item.clone());
                let sql = format!(
                    "INSERT INTO order_items VALUES ({}, {}, {}, {}, ...)",
                    item.order, item.line, item.product, item.quantity
                );
                let statements = vec![Statement { sql, table: &ITEMS, rows: Rows::Insert(vec![item_row(&item)]) }];
                log.transaction(&Transaction { at, thread: SHOP[3], statements });
            }
            9 => {
                let statements = vec![self.dearer()];
                log.transaction(&Transaction { at, thread: CULPRIT, statements });
            }
            25 => log.definition(at, 8_850, "ALTER TABLE customers ADD COLUMN phone varchar(32) DEFAULT NULL"),
            _ => return false,
        }
        true
    }

    fn dearer(&mut self) -> Statement {
        let change = |product| {
            let before = self.goods_row(product);
            self.goods[product as usize - 1].cents *= 10;
            (before, self.goods_row(product))
        };
        let rows = Rows::Update((1..=PRODUCTS).map(change).collect());
        Statement { sql: "UPDATE products SET price = price * 10".to_owned(), table: &GOODS, rows }
    }
}

fn item_row(item: &OrderItem) -> Vec<Cell> {
    vec![
        Cell::Unsigned(item.order),
        Cell::Tiny(item.line),
        Cell::Unsigned(item.product),
        Cell::Small(item.quantity as i16),
        Cell::Money(item.cents),
    ]
}

fn placed(at: Moment) -> Cell {
    let stamp = jiff::Timestamp::from_second(at.0.div_euclid(1000)).unwrap_or_default();
    let civil: civil::DateTime = stamp.to_zoned(TimeZone::UTC).datetime();
    Cell::DateTime(civil)
}
