//! What long work tells of itself.

/// Is told what goes on; prints it or not.
pub trait Progress: Sync {
    /// A new piece of work began: `building 1a2b3c4d5`.
    fn stage(&self, what: &str);
    /// A commit is about to be built, and not taken from the cache.
    fn building(&self) {}
    /// `done` of `total` benchmarks are measured; `name` just was.
    fn step(&self, done: usize, total: usize, name: &str);
    /// Something that the user should know, once.
    fn note(&self, text: &str);
    /// How far the search has come of which the next stages are a part.
    fn search(&self, _so_far: &str) {}
}

/// Says nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _: &str) {}
    fn step(&self, _: usize, _: usize, _: &str) {}
    fn note(&self, _: &str) {}
}
