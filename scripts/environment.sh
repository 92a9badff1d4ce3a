# Read by ./variance and ./check. POSIX sh. Every run pays for this file, so it starts nothing
# but `cat` and `cmp`; the work of building is in build_environment.py.

# run_in_environment ROOT LOCK ARGUMENT...: becomes the Python of ROOT/.venv with the arguments,
# by way of the builder when .venv is not what LOCK and the pyproject files describe.
run_in_environment() {
    # Settings of another Python must reach neither the build nor the command.
    unset PYTHONHOME PYTHONPATH PYTHONPLATLIBDIR PYTHONEXECUTABLE __PYVENV_LAUNCHER__
    environment_python=$1/.venv/bin/python
    if [ -x "$environment_python" ] && environment_is_current "$1" "$2" 2>/dev/null; then
        shift 2
        exec "$environment_python" -P "$@"
    fi
    if [ -L "$environment_python" ] && [ ! -x "$environment_python" ] && ! may_build "$1"; then
        say_whose_python "$1/.venv/pyvenv.cfg"
        exit 3
    fi
    find_python
    environment_builder=$1/scripts/build_environment.py
    shift
    exec "$environment_python" -I "$environment_builder" "$@"
}

may_build() {
    [ -w "$1" ]
}

# A checkout that is built and belongs to somebody else: building is not what is missing.
say_whose_python() {
    echo "variance: .venv is of a Python that this user may not run, in $(sed -n 's/^home = //p' "$1")"
    echo "Its owner can build it for everybody: remove .venv, then VARIANCE_PYTHON=/usr/bin/python3 ./variance"
} >&2

# Equal bytes mean that .venv is current. Times would be cheaper by a millisecond, but a checkout
# or an unpacked archive sets them as it likes.
environment_is_current() {
    environment_inputs "$1" "$2" | cmp -s - "$1/.venv/setup/$2" ||
        [ "$(environment_inputs "$1" "$2")" = "$(cat "$1/.venv/setup/$2")" ] # without `cmp`
}

# All that .venv is built from; build_environment.py writes the same into its stamp. The root
# comes first because a virtual environment does not survive being moved or copied.
environment_inputs() (
    LC_ALL=C # one order of the plugins for everybody
    cd -- "$1" && printf '%s\n' "$1" && cat "$2" && echo = &&
        cat scripts/build_environment.py pyproject.toml plugins/*/pyproject.toml
)

# Sets environment_python to the first Python that can build the environment.
find_python() {
    environment_lean=
    if [ -n "${VARIANCE_PYTHON:-}" ]; then
        set -- "$VARIANCE_PYTHON"
    else
        set -- python3 python3.14 python3.13 python3.12 python3.11 python
    fi
    for environment_python in "$@"; do
        "$environment_python" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
            </dev/null >/dev/null 2>&1 || continue
        "$environment_python" -I -c 'import ensurepip, venv' </dev/null >/dev/null 2>&1 && return
        environment_lean=$environment_python
    done
    if [ -n "$environment_lean" ]; then
        echo "variance: $environment_lean cannot make virtual environments: its module venv or ensurepip is missing."
        echo "On Debian and Ubuntu, install it: sudo apt install python3-venv"
    else
        echo "variance: Python 3.11 or newer is needed; none was found (tried: $*)."
        echo "Install it from your system's packages or python.org, then run this again."
    fi >&2
    echo "Or name another Python: VARIANCE_PYTHON=/path/to/python3" >&2
    exit 3
}
