//! Reads an image's file: its functions, the references between them, source lines, and sizes.
//!
//! Instructions are not decoded. The linker keeps the places where functions are named (`--emit-relocs`).

use std::collections::BTreeSet;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian};
use object::read::elf::ElfFile32;
use object::{
    Endianness, Object, ObjectSection, ObjectSymbol, RelocationFlags, RelocationTarget,
    SectionFlags, SectionKind, SymbolKind, elf,
};

type Lines<'d> = Context<EndianSlice<'d, LittleEndian>>;

/// The content of an image.
pub(crate) struct Image {
    /// The names of its functions.
    pub(crate) functions: BTreeSet<String>,
    /// Every reference to a function, in order.
    pub(crate) references: Vec<Reference>,
}

/// A reference to a function: a call, a jump, or an address in a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reference {
    /// The function that is referred to.
    pub(crate) to: String,
    /// The function with the reference, after those that were inlined into it: the innermost comes first. It is empty for a
    /// reference in data.
    pub(crate) from: Vec<Frame>,
}

/// A function in the source, from the debug information.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Frame {
    /// Its name.
    pub(crate) name: String,
    /// The file and the line in it.
    pub(crate) place: String,
}

/// The memory that an image takes on a chip, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Code and constants, and the initial values of variables.
    pub(crate) flash: u64,
    /// Variables, without stack and heap.
    pub(crate) ram: u64,
}

impl Image {
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = ElfFile32::<Endianness>::parse(bytes).map_err(|error| error.to_string())?;
        let functions = functions(&file)?;
        let lines = lines(&file)?;
        let mut references = BTreeSet::new();
        for section in file.sections().filter(is_loaded) {
            for (at, relocation) in section.relocations() {
                let RelocationTarget::Symbol(index) = relocation.target() else {
                    return Err("a place that names nothing".into());
                };
                let symbol = file.symbol_by_index(index).map_err(|error| error.to_string())?;
                if symbol.kind() == SymbolKind::Text && symbol.address() != 0 {
                    let caller =
                        (section.kind() == SectionKind::Text).then(|| holder(&functions, at));
                    let from = match caller {
                        Some(holder) => frames(&lines, at, holder?)?,
                        None => Vec::new(),
                    };
                    let to = name_of(&functions, symbol.address() & !1)?;
                    references.insert(Reference { to, from });
                } else if symbol.kind() != SymbolKind::Data && is_call(relocation.flags()) {
                    return Err(format!("{at:#x} refers to something without a name"));
                }
            }
        }
        if references.is_empty() {
            return Err("no function is named: it was linked without `--emit-relocs`".into());
        }
        Ok(Self {
            functions: functions.into_iter().map(|function| function.name).collect(),
            references: references.into_iter().collect(),
        })
    }
}

impl Sizes {
    /// # Errors
    /// A sentence that says what is wrong with the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file = ElfFile32::<Endianness>::parse(bytes).map_err(|error| error.to_string())?;
        let mut sizes = Self::default();
        for section in file.sections().filter(|section| has_flag(section, elf::SHF_ALLOC)) {
            let is_written = has_flag(&section, elf::SHF_WRITE);
            if section.kind() != SectionKind::UninitializedData {
                sizes.flash += section.size();
            }
            if is_written {
                sizes.ram += section.size();
            }
        }
        Ok(sizes)
    }
}

struct Function {
    start: u64,
    len: u64,
    name: String,
}

fn functions(file: &ElfFile32<'_>) -> Result<Vec<Function>, String> {
    let mut functions = Vec::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let name = symbol.name().map_err(|error| error.to_string())?;
        let (start, len) = (symbol.address() & !1, symbol.size());
        if symbol.is_definition() && len != 0 {
            functions.push(Function { start, len, name: plain(name) });
        }
    }
    functions.sort_by_key(|function| function.start);
    Ok(functions)
}

/// The function that contains an address.
fn holder(functions: &[Function], address: u64) -> Result<&str, String> {
    let behind = functions.partition_point(|function| function.start <= address);
    let holder = functions.get(..behind).unwrap_or_default().last();
    holder
        .filter(|function| address < function.start + function.len)
        .map(|function| function.name.as_str())
        .ok_or_else(|| format!("{address:#x} is in no function"))
}

fn name_of(functions: &[Function], address: u64) -> Result<String, String> {
    holder(functions, address).map(str::to_owned)
}

/// The name of a function as in the source.
fn plain(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name))
}

/// The source place of an address, the innermost function first. Without debug information, only the function is known.
fn frames(lines: &Lines<'_>, address: u64, holder: &str) -> Result<Vec<Frame>, String> {
    let complain = |error: addr2line::gimli::Error| error.to_string();
    let mut found = lines.find_frames(address).skip_all_loads().map_err(complain)?;
    let mut frames = Vec::new();
    while let Some(frame) = found.next().map_err(complain)? {
        let name = frame.function.and_then(|name| Some(plain(&name.raw_name().ok()?)));
        let place =
            frame.location.and_then(|place| Some(format!("{}:{}", place.file?, place.line?)));
        frames.push(Frame {
            name: name.unwrap_or_else(|| holder.to_owned()),
            place: place.unwrap_or_default(),
        });
    }
    // Only the name of the outermost function contains its module.
    match frames.last_mut() {
        Some(outermost) => outermost.name = holder.to_owned(),
        None => frames.push(Frame { name: holder.to_owned(), place: String::new() }),
    }
    Ok(frames)
}

fn lines<'d>(file: &ElfFile32<'d>) -> Result<Lines<'d>, String> {
    let dwarf = Dwarf::load(|id| -> Result<_, addr2line::gimli::Error> {
        let section = file.section_by_name(id.name());
        let bytes = section.and_then(|section| section.data().ok()).unwrap_or_default();
        Ok(EndianSlice::new(bytes, LittleEndian))
    });
    dwarf.and_then(Context::from_dwarf).map_err(|error| error.to_string())
}

fn is_loaded<'f>(section: &impl ObjectSection<'f>) -> bool {
    // The tables for unwinding refer to every function.
    let unwinds = section.name().is_ok_and(|name| name.starts_with(".ARM."));
    !unwinds && has_flag(section, elf::SHF_ALLOC)
}

fn has_flag<'f>(section: &impl ObjectSection<'f>, flag: elf::SectionFlags) -> bool {
    matches!(section.flags(), SectionFlags::Elf { sh_flags, .. } if sh_flags.contains(flag))
}

fn is_call(flags: RelocationFlags) -> bool {
    matches!(
        flags,
        RelocationFlags::Elf {
            r_type: elf::R_ARM_THM_PC22 | elf::R_ARM_THM_JUMP24 | elf::R_ARM_THM_PC11
        }
    )
}
