# Sourced by the scripts beside this folder: compiles sources, tests and runner into .build, if one of them is newer than the last time.

stamp=$here/.build/.stamp
if [[ ! -e $stamp || -n $(find "$here"/{src,test,runner,package.json,tsconfig.json,node_modules/.package-lock.json} -newer "$stamp" -print -quit) ]]; then
    (
        # Several runners may begin at once.
        mkdir -p "$here/.build"
        exec 9>"$here/.build/.lock"
        flock 9 2>/dev/null || true
        if [[ ! -e $stamp || -n $(find "$here"/{src,test,runner,package.json,tsconfig.json,node_modules/.package-lock.json} -newer "$stamp" -print -quit) ]]; then
            rm -rf "$here"/.build/{src,test,runner}
            touch "$stamp.begun"
            "$here/node_modules/.bin/tsc" -p "$here/tsconfig.json" >&2
            mv "$stamp.begun" "$stamp"
        fi
    )
fi
