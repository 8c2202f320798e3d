# Shared by the scripts beside it: finds a Python, and makes private environments under .tools/.

# Says what is missing and ends the script as skipped.
missing() {
    echo "clients/python: skipped, missing: $1" >&2
    exit 69
}

# Prints the first Python of the named versions that can make environments; $PYTHON wins if it is one of them.
find_python() {
    local version candidate
    for version in "$@"; do
        for candidate in "${PYTHON:-}" "python$version" python3 python; do
            [[ -n $candidate ]] || continue
            "$candidate" -c "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != tuple(map(int, '$version'.split('.'))))" \
                2>/dev/null || continue
            echo "$candidate"
            return 0
        done
    done
    return 1
}

# private_environment PYTHON FOLDER REQUIREMENT…: does nothing if the folder has just these already.
private_environment() {
    local python=$1 folder=$2
    shift 2
    local wanted
    wanted="$("$python" -V) $*"
    if [[ -f $folder/.wanted && $(<"$folder/.wanted") == "$wanted" ]]; then
        return 0
    fi
    rm -rf "$folder"
    "$python" -m venv "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check "$@"
    echo "$wanted" >"$folder/.wanted"
}

# install_requirements PYTHON FOLDER FILE: the same with a file of pinned requirements.
install_requirements() {
    local requirements
    mapfile -t requirements < <(grep -Ev '^[[:space:]]*(#|$)' "$3")
    private_environment "$1" "$2" "${requirements[@]}"
}

# has_requirements FOLDER FILE: true if they are installed there, whatever the Python. To look for one takes long where it is chosen by a
# script of a version manager.
has_requirements() {
    local requirements
    mapfile -t requirements < <(grep -Ev '^[[:space:]]*(#|$)' "$2")
    [[ -x $1/bin/python && -f $1/.wanted && $(<"$1/.wanted") == "Python "+([0-9.])" ${requirements[*]}" ]]
}
