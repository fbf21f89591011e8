//! The sources of a crate as the compiler sees them with these features and without tests.

use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Meta, Token};

use crate::layers::attributes;
use crate::shell::{Failure, Outcome, fail, read};

/// The items of a crate, from all its modules.
pub(super) struct Sources {
    pub(super) items: Vec<Item>,
    pub(super) cfg: Cfg,
}

/// The configuration for conditional compilation.
pub(super) struct Cfg(Vec<String>);

impl Cfg {
    /// With these features, and with those of the core that they imply.
    pub(super) fn new(features: &[&str]) -> Self {
        Self(features.iter().map(|&feature| feature.to_owned()).collect())
    }

    /// Whether an item with these attributes is compiled.
    pub(super) fn holds(&self, attributes: &[Attribute]) -> bool {
        attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).all(|attribute| {
            attribute.parse_args::<Meta>().is_ok_and(|condition| self.is_true(&condition))
        })
    }

    fn is_true(&self, condition: &Meta) -> bool {
        match condition {
            // Neither `test` nor any other single word is set.
            Meta::Path(_) => false,
            Meta::NameValue(pair) => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(value), .. }) => {
                    pair.path.is_ident("feature") && self.0.contains(&value.value())
                }
                _ => false,
            },
            Meta::List(list) => {
                let parse = Punctuated::<Meta, Token![,]>::parse_terminated;
                let Ok(all) = list.parse_args_with(parse) else {
                    return false;
                };
                let mut all = all.iter().map(|condition| self.is_true(condition));
                if list.path.is_ident("not") {
                    !all.any(|holds| holds)
                } else if list.path.is_ident("any") {
                    all.any(|holds| holds)
                } else {
                    all.all(|holds| holds)
                }
            }
        }
    }
}

/// Parses the modules of a crate that are compiled with these features, starting with its `lib.rs` or `main.rs`.
pub(super) fn parse(root: &Path, features: &[&str]) -> Outcome<Sources> {
    let mut sources = Sources { items: Vec::new(), cfg: Cfg::new(features) };
    let folder = root.parent().unwrap_or(root);
    read_module(root, folder, &mut sources)?;
    Ok(sources)
}

fn read_module(file: &Path, folder: &Path, sources: &mut Sources) -> Outcome {
    let parsed = syn::parse_file(&read(file)?)
        .map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    add(parsed.items, file, folder, sources)
}

fn add(items: Vec<Item>, file: &Path, folder: &Path, sources: &mut Sources) -> Outcome {
    for item in items {
        if !sources.cfg.holds(attributes(&item)) {
            continue;
        }
        match item {
            Item::Mod(module) => {
                let name = module.ident.to_string();
                let below = folder.join(&name);
                match module.content {
                    Some((_, items)) => add(items, file, &below, sources)?,
                    None => read_module(&file_of(&name, folder)?, &below, sources)?,
                }
            }
            Item::Macro(invoked) if invoked.ident.is_none() => {
                let name = invoked.mac.path.segments.last().map(|last| last.ident.to_string());
                let (name, file) = (name.unwrap_or_default(), file.display());
                return fail(format!("{file}: the items that {name}! makes are unknown"));
            }
            item => sources.items.push(item),
        }
    }
    Ok(())
}

fn file_of(module: &str, folder: &Path) -> Outcome<PathBuf> {
    let files = [folder.join(format!("{module}.rs")), folder.join(module).join("mod.rs")];
    let found = files.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| Failure::new(format!("{} has no module {module}", folder.display())))
}
