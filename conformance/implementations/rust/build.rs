//! Where are the shared Lua scripts? In $TURNAFFINITY_LUA, in `lua/` of this folder, or three folders up.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=TURNAFFINITY_LUA");
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the folder"));
    let named = std::env::var("TURNAFFINITY_LUA").ok().map(PathBuf::from);
    let places: Vec<PathBuf> = match named {
        Some(folder) => vec![folder],
        None => vec![here.join("lua"), here.join("../../../lua")],
    };
    let folder = places.iter().find(|folder| holds_scripts(folder)).unwrap_or_else(|| {
        panic!("select_node.lua is in none of {places:?}; copy the kit's lua/ here, or name it in TURNAFFINITY_LUA")
    });
    let folder = folder.canonicalize().expect("the folder was just seen");
    println!("cargo:rerun-if-changed={}", folder.display());
    println!("cargo:rustc-env=TURNAFFINITY_LUA_FOLDER={}", folder.display());
}

fn holds_scripts(folder: &Path) -> bool {
    ["select_node.lua", "write_affinity.lua", "clear_affinity.lua"].iter().all(|name| folder.join(name).is_file())
}
