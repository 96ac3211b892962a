#!/usr/bin/env bash
# sftp.sh - two OpenSSH servers for tests, on 127.0.0.1 only: one with files, one to jump through.
#
#   sftp.sh install          get sshd only (done by the others when missing): installed by root, else unpacked
#                            into ~/.cache/breakglass-servers
#   sftp.sh up   DIR PORT    start on 127.0.0.1:PORT and PORT+1 (again: no-op if both already answer)
#   sftp.sh down DIR         stop them by their pid files, and what is left of their sessions
#   sftp.sh run  DIR PORT    for tests: start in a new DIR, print "ready", and when standard input ends
#                            (so also when whoever started it is killed) stop and remove DIR
#
# Login: whoever runs this, with DIR/id_plain, DIR/id_locked (passphrase "sftp-key-pass") or DIR/id_rsa;
# passwords are asked for and never right. DIR/id_stranger is not let in. PORT has the host key DIR/host, PORT+1,
# which forwards and has no SFTP, the key DIR/jump. DIR/known_hosts knows both; DIR/known_hosts_wrong has other keys.
#
# Every session writes the process id of its sshd into DIR/sessions/$BG_TEST, so that a test can kill or stop
# its own. BG_LOGIN is where it starts. Where root runs this, root's right to pass over file modes is taken away.
set -euo pipefail

PREFIX=${BREAKGLASS_SSHD_PREFIX:-$HOME/.cache/breakglass-servers/sshd}

die() { echo "sftp.sh: $*" >&2; exit 1; }

sshd() { if [ -x /usr/sbin/sshd ]; then echo /usr/sbin/sshd; else echo "$PREFIX/usr/sbin/sshd"; fi; }
server() {
  local path
  for path in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server "$PREFIX/usr/lib/openssh/sftp-server"; do
    if [ -x "$path" ]; then echo "$path"; return 0; fi
  done
  return 1
}

install() {
  [ -x "$(sshd)" ] && server >/dev/null && return 0
  mkdir -p "$(dirname "$PREFIX")"
  exec 9>"$PREFIX.lock"; flock 9
  if ! { [ -x "$(sshd)" ] && server >/dev/null; }; then
    local apt=(apt-get -qq -y -o DPkg::Lock::Timeout=300)
    if [ "$(id -u)" = 0 ]; then
      echo "sftp.sh: installing openssh-server with apt" >&2
      export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
      "${apt[@]}" --no-install-recommends install openssh-server >/dev/null 2>&1 ||
        { apt-get -qq update >&2; "${apt[@]}" --no-install-recommends install openssh-server >&2; }
    else
      echo "sftp.sh: unpacking openssh-server into $PREFIX" >&2
      rm -rf "$PREFIX" "$PREFIX.tmp"; mkdir -p "$PREFIX.tmp/debs"
      (cd "$PREFIX.tmp/debs" && apt-get -qq download openssh-server openssh-sftp-server) >&2
      local deb; for deb in "$PREFIX.tmp"/debs/*.deb; do dpkg-deb -x "$deb" "$PREFIX.tmp"; done
      rm -rf "$PREFIX.tmp/debs"; mv "$PREFIX.tmp" "$PREFIX"
    fi
  fi
  exec 9>&-   # a server must not inherit the lock
  command -v ssh >/dev/null || die "ssh is needed (apt-get install openssh-client)"
}

alive() { [ -s "$1/$2.pid" ] && kill -0 "$(cat "$1/$2.pid")" 2>/dev/null; }
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1" && read -r -t 2 line <&3 && [[ $line == SSH-2.0-* ]]) 2>/dev/null; }

key() { [ -f "$1" ] || ssh-keygen -q -t "${3:-ed25519}" -N "$2" -C "$(basename "$1")" -f "$1"; }

common() { # DIR NAME PORT
  cat <<CONF
ListenAddress 127.0.0.1
Port $3
HostKey $1/$2
PidFile $1/$2.pid
AuthorizedKeysFile $1/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PubkeyAuthentication yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
X11Forwarding no
MaxStartups 100
MaxSessions 100
AcceptEnv BG_*
CONF
}

up() {
  local dir port i name confine=(); mkdir -p "$1"; dir=$(readlink -f "$1"); port=$2
  install
  for name in host jump other; do key "$dir/$name" ''; done
  key "$dir/id_plain" ''; key "$dir/id_locked" sftp-key-pass; key "$dir/id_rsa" '' rsa; key "$dir/id_stranger" ''
  cat "$dir"/id_plain.pub "$dir"/id_locked.pub "$dir"/id_rsa.pub >"$dir/authorized_keys"
  public() { cut -d' ' -f1,2 "$dir/$1.pub"; }
  printf '[127.0.0.1]:%s %s\n' "$port" "$(public host)" $((port + 1)) "$(public jump)" >"$dir/known_hosts"
  printf '[127.0.0.1]:%s %s\n' "$port" "$(public other)" $((port + 1)) "$(public other)" >"$dir/known_hosts_wrong"
  mkdir -p "$dir/sessions"
  cat >"$dir/subsystem" <<SCRIPT
#!/bin/sh
echo \$PPID >>"$dir/sessions/\${BG_TEST:-unnamed}"
cd "\${BG_LOGIN:-/}" && exec "$(server)"
SCRIPT
  chmod +x "$dir/subsystem"
  { common "$dir" host "$port"; echo "AllowTcpForwarding no"; echo "Subsystem sftp $dir/subsystem"; } >"$dir/host.conf"
  { common "$dir" jump $((port + 1)); echo "AllowTcpForwarding yes"; } >"$dir/jump.conf"
  if [ "$(id -u)" = 0 ]; then
    mkdir -p /run/sshd
    confine=(setpriv --bounding-set=-dac_override,-dac_read_search --)
  fi
  for name in host jump; do
    alive "$dir" $name || "${confine[@]}" "$(sshd)" -f "$dir/$name.conf" -E "$dir/$name.log"
  done
  for i in $(seq 1 100); do answers "$port" && answers $((port + 1)) && break; sleep 0.1; done
  answers "$port" || { tail -n 5 "$dir/host.log" >&2; die "no answer on port $port"; }
  echo "sftp up: sftp -P $port -i $dir/id_plain -o UserKnownHostsFile=$dir/known_hosts 127.0.0.1"
}

down() {
  local dir=$1 name pid i
  for name in host jump; do
    alive "$dir" $name || continue
    pid=$(cat "$dir/$name.pid"); kill "$pid" 2>/dev/null || true
    for i in $(seq 1 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    rm -f "$dir/$name.pid"
  done
  # Sessions outlive the server; a stopped one would stay for ever.
  cat "$dir"/sessions/* 2>/dev/null | while read -r pid; do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = sshd ] && kill -KILL "$pid" 2>/dev/null
  done || true
  echo "sftp stopped"
}

run() {
  home=$1                               # not local: the trap runs later
  [ ! -e "$home" ] || die "$home exists"
  trap '' INT HUP                       # the terminal's Ctrl-C is for the tests; standard input then ends
  trap 'down "$home" >/dev/null; rm -rf "$home"' EXIT
  trap 'exit 143' TERM
  up "$home" "$2" >&2
  echo ready
  while read -r _; do :; done
}

case ${1:-} in
  install) install ;;
  up) [ $# -eq 3 ] || die "usage: sftp.sh up DIR PORT"; up "$2" "$3" ;;
  down) [ $# -eq 2 ] || die "usage: sftp.sh down DIR"; down "$2" ;;
  run) [ $# -eq 3 ] || die "usage: sftp.sh run DIR PORT"; run "$2" "$3" ;;
  *) die "usage: sftp.sh install | up DIR PORT | down DIR | run DIR PORT" ;;
esac
