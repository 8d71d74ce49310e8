//! The table in the crate's README is what the code says. `PAYRELAY_WRITE_README=1` writes it.

use providers::{Covers, Expressed, Provider};
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str =
    "<!-- The table is written by `PAYRELAY_WRITE_README=1 cargo test -p providers readme`. -->\n";
const END: &str = "<!-- End of the table. -->\n";

fn table() -> String {
    let mut table = String::from(
        "| provider | `id` | authorize | capture | void | refund | dispute | signature covers |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for provider in Provider::all() {
        let expresses = provider.expresses();
        let cell = |expressed: Expressed| match expressed {
            Expressed::Never => "",
            Expressed::WithoutAmount => "no amount",
            Expressed::WithAmount => "yes",
        };
        let experimental = if provider.is_experimental() { ", experimental" } else { "" };
        writeln!(
            table,
            "| [{}]({}) | `{}` | {} | {} | {} | {} | {} | {}{experimental} |",
            provider.name(),
            provider.documentation(),
            provider.id(),
            cell(expresses.authorization),
            cell(expresses.capture),
            cell(expresses.void),
            cell(expresses.refund),
            cell(expresses.dispute),
            covers(provider),
        )
        .unwrap();
    }
    table
}

/// The usual scheme's.
fn covers(provider: &Provider) -> &'static str {
    match provider.schemes().next().map(|scheme| scheme.covers) {
        Some(Covers::Body) => "body",
        Some(Covers::Fields) => "fields",
        Some(Covers::None) => "none",
        None => "none (unsigned)",
    }
}

#[test]
fn readme_lists_the_providers_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once(BEGIN).expect("the README has the mark before its table");
    let (written, tail) = rest.split_once(END).expect("the README has the mark after its table");
    let table = table();
    if std::env::var_os("PAYRELAY_WRITE_README").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
    } else {
        assert_eq!(written, table, "run `PAYRELAY_WRITE_README=1 cargo test -p providers readme`");
    }
}
