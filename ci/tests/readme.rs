//! The README's commands stay true.

#[test]
fn commands_in_the_readme_run() {
    trycmd::TestCases::new().case("ci/tests/cli/*.trycmd").run();
}
