//! The pages and the API over a store.
