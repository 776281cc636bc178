//! The size of a public surface.
//!
//! **Names at the root** are the items that the root of the crate defines or re-exports from its own modules: types,
//! traits, functions, constants and macros. Modules are counted apart. Re-exports of other crates do not count.
//!
//! **Items** are all public items that can be reached from the root, each once, however many paths lead to it: modules
//! (without the root), structs, unions, enums, their variants, public fields of structs, traits and what they declare,
//! inherent public methods and constants, functions, constants, statics, type aliases and macros. Implementations of
//! traits, fields of variants and hidden items do not count.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use rustdoc_types::{Crate, Id, Item, ItemEnum, StructKind, Visibility};

/// The public surface of one crate.
#[derive(Debug, Default)]
pub(crate) struct Surface {
    krate: String,
    names: usize,
    modules: usize,
    /// The number of items of each kind.
    kinds: BTreeMap<&'static str, usize>,
}

impl Surface {
    pub(crate) fn of(krate: &Crate) -> Self {
        let mut walk = Walk { krate, seen: HashSet::new(), surface: Self::default() };
        let Some(root) = krate.index.get(&krate.root) else { return walk.surface };
        walk.surface.krate = root.name.clone().unwrap_or_default();
        walk.seen.insert(root.id);
        for item in walk.exported(root) {
            match item.inner {
                ItemEnum::Module(_) => walk.surface.modules += 1,
                _ => walk.surface.names += 1,
            }
            walk.visit(item);
        }
        walk.surface
    }

    pub(crate) fn names(&self) -> usize {
        self.names
    }

    pub(crate) fn items(&self) -> usize {
        self.kinds.values().sum()
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { krate, names, modules, kinds } = self;
        writeln!(f, "{krate}: {names} names and {modules} modules at the root, {} public items:", self.items())?;
        for (kind, count) in kinds {
            writeln!(f, "{count:>6} {kind}")?;
        }
        Ok(())
    }
}

/// A walk over the items that can be reached.
struct Walk<'a> {
    krate: &'a Crate,
    seen: HashSet<Id>,
    surface: Surface,
}

impl<'a> Walk<'a> {
    /// The items of a module, through re-exports. Those of other crates are not in the index.
    fn exported(&self, module: &'a Item) -> Vec<&'a Item> {
        let ItemEnum::Module(module) = &module.inner else { return Vec::new() };
        let items = module.items.iter().filter_map(|id| self.krate.index.get(id));
        items.flat_map(|item| self.resolved(item)).collect()
    }

    fn resolved(&self, item: &'a Item) -> Vec<&'a Item> {
        let ItemEnum::Use(import) = &item.inner else { return vec![item] };
        let Some(target) = import.id.and_then(|id| self.krate.index.get(&id)) else { return Vec::new() };
        if import.is_glob { self.exported(target) } else { self.resolved(target) }
    }

    fn visit(&mut self, item: &'a Item) {
        if item.crate_id != 0 || !self.seen.insert(item.id) {
            return;
        }
        match &item.inner {
            ItemEnum::Module(_) => {
                self.add("modules", 1);
                self.exported(item).into_iter().for_each(|item| self.visit(item));
            }
            ItemEnum::Struct(inner) => {
                self.add("structs", 1);
                let fields = match &inner.kind {
                    StructKind::Unit => 0,
                    StructKind::Tuple(fields) => fields.iter().flatten().filter(|id| self.is_public(**id)).count(),
                    StructKind::Plain { fields, .. } => fields.iter().filter(|id| self.is_public(**id)).count(),
                };
                self.add("fields of structs", fields);
                self.inherent(&inner.impls);
            }
            ItemEnum::Enum(inner) => {
                self.add("enums", 1);
                self.add("variants", inner.variants.len());
                self.inherent(&inner.impls);
            }
            ItemEnum::Union(inner) => {
                self.add("unions", 1);
                self.inherent(&inner.impls);
            }
            ItemEnum::Trait(inner) => {
                self.add("traits", 1);
                self.add("items of traits", inner.items.len());
            }
            ItemEnum::Function(_) => self.add("functions", 1),
            ItemEnum::Constant { .. } | ItemEnum::Static(_) => self.add("constants", 1),
            ItemEnum::TypeAlias(_) => self.add("type aliases", 1),
            ItemEnum::Macro(_) | ItemEnum::ProcMacro(_) => self.add("macros", 1),
            _ => {}
        }
    }

    /// Counts the public items of implementations that are of no trait.
    fn inherent(&mut self, impls: &[Id]) {
        let items = impls.iter().filter_map(|id| match &self.krate.index.get(id)?.inner {
            ItemEnum::Impl(inner) if inner.trait_.is_none() => Some(&inner.items),
            _ => None,
        });
        let count = items.flatten().filter(|id| self.is_public(**id)).count();
        self.add("inherent methods and constants", count);
    }

    fn is_public(&self, id: Id) -> bool {
        self.krate.index.get(&id).is_some_and(|item| matches!(item.visibility, Visibility::Public))
    }

    fn add(&mut self, kind: &'static str, count: usize) {
        if count > 0 {
            *self.surface.kinds.entry(kind).or_default() += count;
        }
    }
}
