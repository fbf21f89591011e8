//! The operations that an image calls, from its sources. They must be written as paths.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Expr, ExprPath, GenericParam, Item, ItemFn, Stmt, TypeParamBound};

use super::sources::{Cfg, Sources};
use super::surface::{arguments, implementation, last, written};
use crate::layers::attributes;

/// The operations, in the same format as those of the core.
pub(super) fn calls(sources: &Sources) -> BTreeSet<String> {
    let helpers = sources.items.iter().filter_map(|item| match item {
        Item::Fn(function) => helper(function),
        _ => None,
    });
    let mut finder =
        Finder { cfg: &sources.cfg, helpers: helpers.collect(), calls: BTreeSet::new() };
    sources.items.iter().for_each(|item| finder.visit_item(item));
    finder.calls
}

/// A helper with one type parameter, and the traits in its bounds: it calls these.
fn helper(function: &ItemFn) -> Option<(String, Vec<String>)> {
    let mut parameters = function.sig.generics.params.iter();
    let (Some(GenericParam::Type(parameter)), None) = (parameters.next(), parameters.next()) else {
        return None;
    };
    let traits = parameter.bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => Some(last(&bound.path)),
        _ => None,
    });
    Some((function.sig.ident.to_string(), traits.collect()))
}

struct Finder<'s> {
    cfg: &'s Cfg,
    helpers: BTreeMap<String, Vec<String>>,
    calls: BTreeSet<String>,
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if self.cfg.holds(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes: &[Attribute] = match statement {
            Stmt::Local(local) => &local.attrs,
            Stmt::Expr(Expr::Block(block), _) => &block.attrs,
            Stmt::Expr(Expr::Call(call), _) => &call.attrs,
            _ => &[],
        };
        if self.cfg.holds(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let words: Vec<String> =
            path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        match (&path.qself, words.as_slice()) {
            // `<Type as Trait>::method`
            (Some(own), [.., _]) if own.as_token.is_some() => {
                let of = path.path.segments.iter().nth_back(1);
                let name = of.map(|of| of.ident.to_string()).unwrap_or_default();
                let own = written(&own.ty, &[]);
                self.calls.insert(implementation(&own, &name, &arguments(of, &[])));
            }
            (None, [.., own, method]) => {
                self.calls.insert(format!("{own}::{method}"));
                self.calls.insert(method.clone());
            }
            (None, [name]) => {
                if let (Some(traits), [of]) =
                    (self.helpers.get(name), arguments(path.path.segments.last(), &[]).as_slice())
                {
                    let calls = traits.iter().map(|called| implementation(of, called, &[]));
                    self.calls.extend(calls);
                }
                self.calls.insert(name.clone());
            }
            _ => {}
        }
        visit::visit_expr_path(self, path);
    }
}
