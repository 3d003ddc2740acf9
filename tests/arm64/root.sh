#!/bin/sh
# A folder with Debian's Python 3.13 for ARM64, to be run by qemu: root.sh FOLDER
# Needs neither root's rights nor a container: apt downloads into a state of its own, dpkg unpacks.
set -eu
folder=$1
state=$folder.apt
[ -e "$folder/complete" ] && exit 0
rm -rf "$folder" "$state"
mkdir -p "$folder" "$state/state/lists/partial" "$state/cache/archives/partial" "$state/etc/preferences.d"

# The mirror that this machine uses itself.
mirror=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk '/^URIs:/ {print $2; exit}')
[ -n "$mirror" ] || mirror=$(awk '$1 == "deb" {for (i = 2; i <= NF; i++) if ($i ~ /:\//) {print $i; exit}}' /etc/apt/sources.list)
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keys" ] || { echo "no keys of Debian's archive: install debian-archive-keyring" >&2; exit 1; }
echo "deb [arch=arm64 signed-by=$keys] $mirror trixie main" >"$state/etc/sources.list"
: >"$state/state/status"

apt() {
  apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o APT::Install-Recommends=false \
    -o Dir::State="$state/state" -o Dir::State::status="$state/state/status" -o Dir::Cache="$state/cache" \
    -o Dir::Etc::SourceList="$state/etc/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts="$state/etc/preferences.d" \
    -o Debug::NoLocking=1 -o APT::Sandbox::User= -o Binary::apt-get::APT::Keep-Downloaded-Packages=true "$@"
}
apt update
apt install -y --download-only python3.13 ca-certificates libstdc++6 libgcc-s1
for package in "$state"/cache/archives/*.deb; do dpkg -x "$package" "$folder"; done
[ -e "$folder/lib" ] || ln -s usr/lib "$folder/lib" # where programs look for their loader
rm -rf "$state"
: >"$folder/complete"
