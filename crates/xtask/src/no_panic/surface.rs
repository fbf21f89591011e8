//! The public operations of a crate, from its sources: functions, methods, implemented and derived traits.
//!
//! Every `pub` item can be reached from outside, which the lint `unreachable_pub` ensures; all others are `pub(crate)`.

use std::collections::BTreeSet;

use syn::punctuated::Punctuated;
use syn::{
    Attribute, GenericArgument, GenericParam, Generics, Ident, ImplItem, Item, ItemEnum, ItemImpl,
    ItemStruct, Path, PathArguments, PathSegment, Token, Type, Visibility,
};

use super::sources::Sources;
use crate::shell::{Outcome, fail};

/// Derived traits without code.
const MARKERS: [&str; 2] = ["Copy", "Eq"];

/// The operations: `Type::method`, `function`, and `Type: Trait`.
pub(super) fn operations(sources: &Sources) -> Outcome<BTreeSet<String>> {
    let (mut types, mut private) = (BTreeSet::new(), BTreeSet::new());
    let mut operations = BTreeSet::new();
    for item in &sources.items {
        let (name, attributes) = match item {
            Item::Struct(item) if is_public(&item.vis) => (&item.ident, &item.attrs),
            Item::Enum(item) if is_public(&item.vis) => (&item.ident, &item.attrs),
            Item::Trait(item) if is_public(&item.vis) => (&item.ident, &item.attrs),
            Item::Fn(item) if is_public(&item.vis) => {
                operations.insert(item.sig.ident.to_string());
                continue;
            }
            Item::Struct(ItemStruct { ident, .. }) | Item::Enum(ItemEnum { ident, .. }) => {
                private.insert(ident.to_string());
                continue;
            }
            _ => continue,
        };
        if !types.insert(name.to_string()) {
            return fail(format!("there are two public types with the name {name}"));
        }
        operations.extend(derived(attributes).iter().map(|derived| format!("{name}: {derived}")));
    }
    for item in &sources.items {
        if let Item::Impl(item) = item {
            add(item, &types, &private, sources, &mut operations);
        }
    }
    Ok(operations)
}

fn add(
    item: &ItemImpl,
    types: &BTreeSet<String>,
    private: &BTreeSet<String>,
    sources: &Sources,
    to: &mut BTreeSet<String>,
) {
    let parameters = parameters(&item.generics);
    let own = written(&item.self_ty, &parameters);
    let methods = item.items.iter().filter_map(|part| match part {
        ImplItem::Fn(method) if sources.cfg.holds(&method.attrs) => Some(method),
        _ => None,
    });
    match &item.trait_ {
        None if types.contains(&own) => {
            let public = methods.filter(|method| is_public(&method.vis));
            to.extend(public.map(|method| format!("{own}::{}", method.sig.ident)));
        }
        Some((path, _)) => {
            let name = last(path);
            let arguments = arguments(path.segments.last(), &parameters);
            // An implementation for a foreign type can be called if a public type or trait of ours is involved.
            let is_ours = |name: &String| types.contains(name.trim_start_matches(['&', '_']));
            let has_code = methods.count() > 0;
            let is_hidden =
                private.contains(&own) || arguments.iter().any(|of| private.contains(of));
            if has_code
                && !is_hidden
                && (is_ours(&own) || is_ours(&name) || arguments.iter().any(is_ours))
            {
                to.insert(implementation(&own, &name, &arguments));
            }
        }
        None => {}
    }
}

/// How an implemented trait is written here: `Type: Trait`, or `Type: Trait<Argument>`.
pub(super) fn implementation(own: &str, name: &str, arguments: &[String]) -> String {
    if arguments.is_empty() {
        format!("{own}: {name}")
    } else {
        format!("{own}: {name}<{}>", arguments.join(", "))
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn derived(attributes: &[Attribute]) -> Vec<String> {
    let derives = attributes.iter().filter(|attribute| attribute.path().is_ident("derive"));
    let lists = derives.filter_map(|attribute| {
        attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated).ok()
    });
    let names = lists.flat_map(|list| list.iter().map(last).collect::<Vec<_>>());
    names.filter(|name| !MARKERS.contains(&name.as_str())).collect()
}

fn parameters(generics: &Generics) -> Vec<&Ident> {
    let types = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        _ => None,
    });
    types.collect()
}

/// A type in short form: its last word, without generic arguments; a type parameter is `_`.
pub(super) fn written(of: &Type, parameters: &[&Ident]) -> String {
    match of {
        Type::Path(of) => {
            let name = last(&of.path);
            if parameters.iter().any(|parameter| *parameter == &name) { "_".into() } else { name }
        }
        Type::Reference(of) => {
            let inner = written(&of.elem, parameters);
            if of.mutability.is_some() { format!("&mut {inner}") } else { format!("&{inner}") }
        }
        Type::Slice(of) => format!("[{}]", written(&of.elem, parameters)),
        _ => "_".into(),
    }
}

/// The last word of a path.
pub(super) fn last(path: &Path) -> String {
    path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
}

/// The types in the angle brackets of a path segment.
pub(super) fn arguments(word: Option<&PathSegment>, parameters: &[&Ident]) -> Vec<String> {
    let Some(PathArguments::AngleBracketed(list)) = word.map(|word| &word.arguments) else {
        return Vec::new();
    };
    let types = list.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(of) => Some(written(of, parameters)),
        _ => None,
    });
    types.collect()
}
