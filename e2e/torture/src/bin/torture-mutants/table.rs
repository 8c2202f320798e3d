//! The seeded bugs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::Deserialize;

use crate::Failure;

/// One seeded bug.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    pub(crate) name: String,
    /// What bug this is, and where it was seen.
    pub(crate) why: String,
    pub(crate) changes: Vec<Change>,
    /// The rig's plan of faults it is run under.
    pub(crate) plan: String,
    /// How long the load lasts.
    pub(crate) seconds: u64,
    /// Codes of the invariants that it must break.
    pub(crate) expect: Vec<String>,
}

/// One change of one file.
#[derive(Debug, Clone, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    pub(crate) file: String,
    /// Occurs exactly once.
    pub(crate) find: String,
    pub(crate) replace: String,
}

pub(crate) fn read(path: &Path) -> Result<Vec<Mutant>, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::io(path.display()))?;
    let mutants: Vec<Mutant> =
        serde_json::from_str(&text).map_err(|error| Failure::Table(format!("{}: {error}", path.display())))?;
    let mut names = BTreeSet::new();
    for mutant in &mutants {
        let fault = fault_of(mutant).or_else(|| (!names.insert(&mutant.name)).then_some("the name is used twice"));
        if let Some(fault) = fault {
            return Err(Failure::Table(format!("{}: {fault}", mutant.name)));
        }
    }
    Ok(mutants)
}

fn fault_of(mutant: &Mutant) -> Option<&'static str> {
    let in_a_file_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_code = |code: &String| code.strip_prefix('I').is_some_and(|n| n.parse::<u8>().is_ok());
    let checks = [
        (mutant.name.is_empty(), "a mutant needs a name"),
        (!mutant.name.chars().all(in_a_file_name), "a name is of a-z, 0-9 and -"),
        (mutant.name == crate::build::UNCHANGED, "the name is taken"),
        (mutant.why.is_empty(), "`why` is empty"),
        (mutant.changes.is_empty(), "nothing is changed"),
        (
            mutant.changes.iter().any(|one| one.find == one.replace),
            "a change changes nothing",
        ),
        (mutant.seconds == 0, "`seconds` is 0"),
        (mutant.expect.is_empty(), "`expect` is empty"),
        (!mutant.expect.iter().all(is_code), "`expect` is of codes like I4"),
    ];
    checks.into_iter().find_map(|(wrong, text)| wrong.then_some(text))
}

/// Those named, in the order of the table; no names: all.
pub(crate) fn select(all: Vec<Mutant>, names: &[String]) -> Result<Vec<Mutant>, Failure> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !all.iter().any(|mutant| mutant.name == **name))
    {
        return Err(Failure::Usage(format!("there is no mutant `{unknown}`; see --list")));
    }
    let wanted = |mutant: &Mutant| names.is_empty() || names.contains(&mutant.name);
    Ok(all.into_iter().filter(wanted).collect())
}

/// The files that the mutant changes, as it leaves them.
pub(crate) fn changed_files(mutant: &Mutant, root: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for change in &mutant.changes {
        let text = match files.get(&change.file) {
            Some(text) => text.clone(),
            None => {
                let unreadable = |error| Failure::Table(format!("{}: {}: {error}", mutant.name, change.file));
                fs::read_to_string(root.join(&change.file)).map_err(unreadable)?
            }
        };
        let found = text.matches(&change.find).count();
        if found != 1 {
            return Err(Failure::Table(format!(
                "{}: {} has {found} times, not once: {:?}",
                mutant.name, change.file, change.find
            )));
        }
        files.insert(change.file.clone(), text.replacen(&change.find, &change.replace, 1));
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(changes: &[(&str, &str)]) -> Mutant {
        let change = |(find, replace): &(&str, &str)| Change {
            file: "file".to_owned(),
            find: (*find).to_owned(),
            replace: (*replace).to_owned(),
        };
        Mutant {
            name: "a-mutant".to_owned(),
            why: "why".to_owned(),
            changes: changes.iter().map(change).collect(),
            plan: "calm".to_owned(),
            seconds: 1,
            expect: vec!["I1".to_owned()],
        }
    }

    /// The table must follow the code, or its bugs are no longer seeded.
    #[test]
    fn every_change_of_the_table_is_found_exactly_once() {
        let root = crate::root();
        let mutants = read(&root.join("e2e/torture/mutants.json")).unwrap();
        assert!(mutants.len() >= 25, "{} mutants", mutants.len());
        for mutant in &mutants {
            changed_files(mutant, &root).unwrap();
        }
    }

    #[test]
    fn changes_of_one_file_build_on_each_other_and_each_must_be_found_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "one two two").unwrap();
        let after = |changes| changed_files(&mutant(changes), folder.path());
        assert_eq!(
            after(&[("one", "three"), ("three", "four")]).unwrap()["file"],
            "four two two"
        );
        assert!(matches!(after(&[("two", "x")]), Err(Failure::Table(_))));
        assert!(matches!(after(&[("five", "x")]), Err(Failure::Table(_))));
    }

    #[test]
    fn a_mutant_that_proves_nothing_is_refused() {
        assert_eq!(fault_of(&mutant(&[("a", "b")])), None);
        assert!(fault_of(&mutant(&[("a", "a")])).is_some());
        assert!(fault_of(&mutant(&[])).is_some());
        let wrong_code = Mutant {
            expect: vec!["4".to_owned()],
            ..mutant(&[("a", "b")])
        };
        assert!(fault_of(&wrong_code).is_some());
    }
}
