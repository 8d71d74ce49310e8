//! A table in plain text.

use super::plain;
use serde_json::Value;

pub(super) fn print<'a>(columns: &[&str], rows: impl Iterator<Item = &'a Value>) {
    let head: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    let cells = rows.map(|row| columns.iter().map(|column| plain(&row[*column])).collect());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(cells).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        println!("  {}", padded.join("  ").trim_end());
    }
}
