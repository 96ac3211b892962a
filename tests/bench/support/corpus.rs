//! A dump such as `mysqldump` writes of a shop: text, numbers, dates, tokens, NULLs; gzip -6 makes about 2.75:1 of it.

use std::io::{self, Write};

const WORDS: &str = "the order was shipped to customer address after payment had been confirmed by bank please call before \
delivery leave parcel with neighbour gift wrapped urgent return requested refund issued partially damaged box left at door \
invoice sent twice wrong colour size exchange pending support ticket closed reopened escalated manager approved discount \
voucher applied loyalty points expired subscription renewed monthly yearly cancelled trial started feature request noted \
bug reported login failed password reset link clicked newsletter opened campaign summer winter sale black friday early \
access member gold silver bronze tier upgraded downgraded warehouse north south east west shelf row bin picked packed \
labelled handed over carrier tracking updated customs cleared duty paid signed received missing item found later";
const NAMES: &str = "Anna Bruno Clara Dmitri Elena Farid Greta Hugo Ines Jonas Katja Luis Maren Nadia Oskar Petra Quinn Rosa \
Stefan Tilda Umar Vera Wanda Xaver Yara Zeno Abel Beate Chiara Derya Emil Fatma Gideon Hanna Ivo Jana Kemal Lotte Milan";
const STREETS: &str = "Hauptstrasse Ringweg Lindenallee Bahnhofplatz Gartenweg Kirchgasse Seestrasse Muehlweg Rue_Lafayette \
Via_Roma Oxford_Street Calle_Mayor Nyhavn Prinsengracht Karlova Strandvejen Avenida_Paulista Market_Street";

struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len() as u64) as usize]
    }
}

/// Writes a dump of about `size` bytes, end mark included. Always the same one.
pub fn write_dump(out: &mut impl Write, size: u64) -> io::Result<()> {
    let (words, names, streets): (Vec<_>, Vec<_>, Vec<_>) =
        (WORDS.split_whitespace().collect(), NAMES.split(' ').collect(), STREETS.split_whitespace().collect());
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    out.write_all(HEAD.as_bytes())?;
    let (mut written, mut id) = (HEAD.len() as u64, 0);
    while written < size {
        let mut line = String::with_capacity(1 << 20);
        line.push_str("INSERT INTO `orders` VALUES ");
        while line.len() < 1_000_000 {
            id += 1;
            row(&mut line, id, &mut dice, (&words, &names, &streets));
        }
        line.pop();
        line.push_str(";\n");
        written += line.len() as u64;
        out.write_all(line.as_bytes())?;
    }
    out.write_all(TAIL.as_bytes())
}

fn row(line: &mut String, id: u64, dice: &mut Dice, (words, names, streets): (&[&str], &[&str], &[&str])) {
    use std::fmt::Write;
    let (first, last) = (dice.of(names), dice.of(names));
    let mut note = String::new();
    for _ in 0..dice.below(18) {
        note.push_str(dice.of(words));
        note.push(' ');
    }
    let quoted = if dice.below(9) == 0 { "it\\'s \\\"fragile\\\"\\n" } else { "" };
    let (token, seconds) = (dice.roll(), dice.below(86_400));
    let text = write!(
        line,
        "({id},{},'{first} {last}','{first}.{last}{}@example.test','{} {}','{:05}',{}.{:02},{},'20{:02}-{:02}-{:02} {:02}:{:02}:{:02}','{:016x}{:016x}','{note}{quoted}',{}),",
        dice.below(400_000),
        dice.below(1000),
        dice.of(streets),
        dice.below(200),
        dice.below(100_000),
        dice.below(900),
        dice.below(100),
        dice.of(&["'open'", "'paid'", "'shipped'", "NULL"]),
        dice.below(6) + 20,
        dice.below(12) + 1,
        dice.below(28) + 1,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        token ^ dice.roll() << 16,
        dice.roll() << 16 ^ dice.roll(),
        dice.of(&["NULL", "0", "1"]),
    );
    text.expect("a string takes everything");
}

const HEAD: &str = "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)
--
-- Host: localhost    Database: shop
-- ------------------------------------------------------
-- Server version\t9.7.4

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;

--
-- Table structure for table `orders`
--

DROP TABLE IF EXISTS `orders`;
CREATE TABLE `orders` (
  `id` int NOT NULL,
  `customer` int NOT NULL,
  `name` varchar(80) NOT NULL,
  `email` varchar(120) NOT NULL,
  `street` varchar(80) NOT NULL,
  `code` char(5) NOT NULL,
  `total` decimal(10,2) NOT NULL,
  `state` varchar(20) DEFAULT NULL,
  `placed` datetime NOT NULL,
  `token` char(32) NOT NULL,
  `note` text NOT NULL,
  `gift` tinyint DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `customer` (`customer`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `orders` WRITE;
/*!40000 ALTER TABLE `orders` DISABLE KEYS */;
";

const TAIL: &str = "/*!40000 ALTER TABLE `orders` ENABLE KEYS */;
UNLOCK TABLES;
/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;

-- Dump completed on 2026-11-22  1:00:00
";
