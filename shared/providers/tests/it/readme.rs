//! The tables in the crate's README are what the code says. `PAYRELAY_WRITE_README=1` writes them.

use providers::{Covers, Expressed, Provider, Setting, SettingValues, Settings};
use std::fmt::Write;
use std::path::Path;

const BEGIN: &str =
    "<!-- The table is written by `PAYRELAY_WRITE_README=1 cargo test -p providers readme`. -->\n";
const END: &str = "<!-- End of the table. -->\n";
const SETTINGS_BEGIN: &str =
    "<!-- The settings are written by `PAYRELAY_WRITE_README=1 cargo test -p providers readme`. -->\n";
const SETTINGS_END: &str = "<!-- End of the settings. -->\n";

fn table() -> String {
    let mut table = String::from(
        "| provider | `id` | authorize | capture | void | refund | dispute | signature covers |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for provider in Provider::all() {
        let expresses = provider.expresses();
        // Without a source's settings, which may prove more.
        let proves_nothing = provider.covers_with(&Settings::new()) == Covers::None
            && (provider.covers().is_some() || !provider.is_signed());
        let cell = |expressed: Expressed| match expressed {
            Expressed::Never => "",
            _ if proves_nothing && !provider.confirms() => "unproven",
            _ if proves_nothing => "by API",
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

/// The usual scheme's, or that of the source's settings.
fn covers(provider: &Provider) -> &'static str {
    match provider.covers() {
        Some(Covers::Body) => "body",
        Some(Covers::Fields) => "fields",
        Some(Covers::None) => "none",
        None if provider.is_signed() => "as configured",
        None => "none (unsigned)",
    }
}

/// All settings but the one that every experimental provider has.
fn settings() -> String {
    let mut table = String::from("| provider | setting | values | |\n| --- | --- | --- | --- |\n");
    for provider in Provider::all() {
        for Setting { name, description, required, values } in provider.settings() {
            if *name == "experimental" {
                continue;
            }
            let required = if *required { ", required" } else { "" };
            let description = description.replace('|', "\\|");
            writeln!(
                table,
                "| `{}` | `{name}` | {}{required} | {description} |",
                provider.id(),
                values_of(values)
            )
            .unwrap();
        }
    }
    table
}

fn values_of(values: &SettingValues) -> String {
    match values {
        SettingValues::OneOf(words) => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        SettingValues::Currency => "a code of ISO 4217".to_owned(),
        SettingValues::PublicKeyPem => "an RSA public key in PEM".to_owned(),
        SettingValues::Text => "text".to_owned(),
        SettingValues::HttpUrl => "an http or https address".to_owned(),
        SettingValues::Path => "a path".to_owned(),
        SettingValues::Id => "letters, digits and `-`".to_owned(),
        SettingValues::Digits => "digits".to_owned(),
    }
}

#[test]
fn readme_lists_the_providers_and_their_settings_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    for (begin, end, table) in [(BEGIN, END, table()), (SETTINGS_BEGIN, SETTINGS_END, settings())] {
        let readme = std::fs::read_to_string(&path).unwrap();
        let (head, rest) = readme.split_once(begin).expect("the README has the mark before its table");
        let (written, tail) = rest.split_once(end).expect("the README has the mark after its table");
        if std::env::var_os("PAYRELAY_WRITE_README").is_some() {
            std::fs::write(&path, format!("{head}{begin}{table}{end}{tail}")).unwrap();
        } else {
            assert_eq!(written, table, "run `PAYRELAY_WRITE_README=1 cargo test -p providers readme`");
        }
    }
}
