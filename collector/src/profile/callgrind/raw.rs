//! What callgrind's output says, as it stands there.

/// A numeric position that is out of range, a name never defined, a part cut short, …
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("callgrind output, line {line}: {what}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// One function in one calling context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// `f'caller'callers-caller`, as callgrind writes it; `f'2` is the second level of a recursion.
    pub name: &'a [u8],
    /// Index into [`RawProfile::objects`].
    pub object: u32,
    /// Index into [`RawProfile::files`]: where the function is defined.
    pub file: u32,
}

/// Where in the program and in the sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Address inside the object; 0 if the file has none.
    pub address: u64,
    /// Index into [`RawProfile::files`]; differs from the context's file for inlined code.
    pub file: u32,
    /// Line, from 1; 0 if unknown.
    pub line: u32,
}

/// Instructions executed at one place in one context. A place may occur several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Index into [`RawProfile::contexts`].
    pub context: u32,
    /// Where.
    pub site: Site,
    /// Instructions.
    pub cost: u64,
}

/// Calls from one place in one context into another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arc {
    /// Index of the calling context.
    pub caller: u32,
    /// Index of the called context.
    pub callee: u32,
    /// The call instruction, in the caller.
    pub site: Site,
    /// How often; 0 where the call began before this part did.
    pub calls: u64,
    /// Instructions in the callee and all that it called.
    pub inclusive: u64,
}

/// The sum of the wanted parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawProfile<'a> {
    /// Sum of all self costs; checked against the parts' `totals:`.
    pub total: u64,
    /// Object files (executables, libraries); entry 0 is "unknown".
    pub objects: Vec<&'a [u8]>,
    /// Source files; entry 0 is "unknown".
    pub files: Vec<&'a [u8]>,
    /// Functions in their contexts.
    pub contexts: Vec<Context<'a>>,
    /// Self cost.
    pub costs: Vec<Cost>,
    /// Calls.
    pub arcs: Vec<Arc>,
}
