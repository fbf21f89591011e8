//! What one source file refers to: its imports, the paths in its code, its modules.
//!
//! Nothing is resolved here. Code that is only compiled for tests is ignored.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, Meta, Token, UseTree};

/// One leaf of a `use` declaration.
#[derive(Debug)]
pub(super) struct Import {
    /// The modules within the file that contain the declaration.
    pub(super) inside: Vec<String>,
    /// The path, without the `*` of a glob.
    pub(super) path: Vec<String>,
    /// The name that it gets here; `None` for a glob.
    pub(super) name: Option<String>,
    /// The line.
    pub(super) line: usize,
}

/// A path of more than one word somewhere in the code.
#[derive(Debug)]
pub(super) struct Mention {
    /// The modules within the file that contain the code.
    pub(super) inside: Vec<String>,
    /// The path.
    pub(super) path: Vec<String>,
    /// The line.
    pub(super) line: usize,
}

/// Everything that one file refers to.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Its `use` declarations.
    pub(super) imports: Vec<Import>,
    /// The paths in its code, including macros.
    pub(super) mentions: Vec<Mention>,
    /// The items that it defines at the top level, with their lines; modules in other files are not
    /// included.
    pub(super) items: Vec<(String, usize)>,
    /// The modules in other files that are only compiled for tests.
    pub(super) test_modules: Vec<String>,
}

impl Facts {
    /// Reads a file.
    pub(super) fn parse(source: &str) -> syn::Result<Self> {
        let mut collector = Collector::default();
        collector.visit_file(&syn::parse_file(source)?);
        Ok(collector.facts)
    }
}

#[derive(Default)]
struct Collector {
    inside: Vec<String>,
    facts: Facts,
}

impl Collector {
    fn imports(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |ident: &Ident| -> Vec<String> {
            // `use a::{self}` names `a`.
            let own = (ident != "self" || prefix.is_empty()).then(|| ident.to_string());
            prefix.iter().cloned().chain(own).collect()
        };
        let (path, name, line) = match tree {
            UseTree::Path(tree) => return self.imports(&tree.tree, &with(&tree.ident)),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.imports(tree, prefix));
            }
            UseTree::Name(tree) => {
                let path = with(&tree.ident);
                (path.clone(), path.last().cloned(), line(&tree.ident))
            }
            UseTree::Rename(tree) => {
                (with(&tree.ident), Some(tree.rename.to_string()), line(&tree.ident))
            }
            UseTree::Glob(tree) => (prefix.to_vec(), None, tree.star_token.span.start().line),
        };
        self.facts.imports.push(Import { inside: self.inside.clone(), path, name, line });
    }

    fn mention(&mut self, path: Vec<String>, line: usize) {
        if path.len() > 1 {
            self.facts.mentions.push(Mention { inside: self.inside.clone(), path, line });
        }
    }

    /// The arguments of a macro are not parsed, but paths in them can be recognized.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut at = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    // Two colons without a word before them begin the path of another crate, whose
                    // first word cannot be one of our names.
                    if colons != 2 {
                        self.mention(std::mem::take(&mut path), at);
                    } else if path.is_empty() {
                        path.push(String::new());
                    }
                    at = line(&ident);
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.mention(std::mem::take(&mut path), at);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.mention(path, at);
    }

    /// Records what an item defines at the top level of the file, unless it is only for tests.
    fn define(&mut self, item: &Item) {
        let ident = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Macro(item) => match &item.ident {
                Some(ident) => ident,
                None => return,
            },
            Item::Mod(item) if item.content.is_some() => &item.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::TraitAlias(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            _ => return,
        };
        self.facts.items.push((ident.to_string(), line(ident)));
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            if let Item::Mod(module) = item {
                self.facts.test_modules.push(module.ident.to_string());
            }
            return;
        }
        if self.inside.is_empty() {
            self.define(item);
        }
        visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => item.attrs.as_slice(),
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.inside.push(module.ident.to_string());
        visit::visit_item_mod(self, module);
        self.inside.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        // A path that begins with `::` belongs to another crate.
        if item.leading_colon.is_none() {
            self.imports(&item.tree, &[]);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let words = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let at = path.segments.first().map_or(0, |segment| line(&segment.ident));
            self.mention(words, at);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.tokens(invocation.tokens.clone());
    }

    // `pub(in crate::connection)` restricts visibility, and is not an import.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    // Documentation may refer to anything.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
}

fn line(ident: &Ident) -> usize {
    ident.span().start().line
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether one of the attributes limits the code to tests.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<Meta>().is_ok_and(|condition| implies_test(&condition))
    })
}

/// Whether the condition can only hold in a test: `test`, `all(test, ..)`, `any(test, all(test, ..))`.
fn implies_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::NameValue(_) => false,
        Meta::List(list) => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            let parts = parts.unwrap_or_default();
            if list.path.is_ident("all") {
                parts.iter().any(implies_test)
            } else {
                list.path.is_ident("any") && !parts.is_empty() && parts.iter().all(implies_test)
            }
        }
    }
}
