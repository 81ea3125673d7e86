# Sourced by the other scripts: installing Debian packages, as root or by sudo.
# shellcheck shell=bash

# install PACKAGE...: false where neither works, so that the caller can say what is missing.
install() {
    local sudo=
    [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
    command -v apt-get >/dev/null || return 1
    [ -z "$sudo" ] || command -v sudo >/dev/null || return 1
    printf '%s: installing %s\n' "$(basename "$0")" "$*" >&2
    # Without lists of packages (a fresh machine) the first attempt fails.
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends "$@" >&2 ||
        { $sudo apt-get update >&2 &&
            DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y --no-install-recommends "$@" >&2; }
}
