package lantest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
)

// A space is one namespace: a host, or a switch.
type space struct {
	lan  *LAN
	name string // for ip: netns-wide unique
}

// spacesDir is where ip keeps the namespaces that have names.
const spacesDir = "/run/netns"

// prefix marks our namespaces: musafir-PID-START-N, START being when that process
// began, because numbers of processes are used again.
const prefix = "musafir-"

var made atomic.Int64

func nextName() string {
	start, _ := startOf(os.Getpid())
	return fmt.Sprintf("%s%d-%s-%d", prefix, os.Getpid(), start, made.Add(1))
}

// startOf is when a process began, in ticks since the start of the system. A process
// that is no more has none.
func startOf(pid int) (ticks string, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	const field = 22 - 3 // counted behind the name of the program, which may hold spaces
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) <= field {
		return "", false
	}
	return fields[field], true
}

// space makes a namespace.
func (l *LAN) space() *space {
	l.t.Helper()
	s := &space{lan: l, name: nextName()}
	if out, err := ip("netns add " + s.name); err != nil {
		l.t.Fatalf("make a namespace: %v\n%s", err, out)
	}
	l.spaces = append(l.spaces, s)
	if err := inSpace(s.name, lonely); err != nil {
		l.t.Fatalf("set up a namespace: %v", err)
	}
	return s
}

// lonely lets IPv6 addresses be used at once: without this the kernel first asks for
// more than a second whether somebody else has them.
func lonely() error {
	for _, which := range []string{"all", "default"} {
		if err := set(which, "accept_dad", "0"); err != nil {
			return err
		}
	}
	return nil
}

// set changes a setting of IPv6 in the namespace of the thread.
func set(which, what, value string) error {
	err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", which, what), []byte(value), 0)
	if os.IsNotExist(err) {
		return nil // a kernel without IPv6
	}
	return err
}

// ip runs commands in the namespace, one a line.
func (s *space) ip(lines ...string) {
	s.lan.t.Helper()
	text := strings.Join(lines, "\n")
	if out, err := ip(text, "-n", s.name); err != nil {
		s.lan.t.Fatalf("ip: %v\n%s\n%s", err, text, out)
	}
}

func ip(lines string, flags ...string) ([]byte, error) {
	cmd := exec.Command("ip", append(flags, "-batch", "-")...)
	cmd.Stdin = strings.NewReader(lines + "\n")
	return cmd.CombinedOutput()
}

// remove ends what runs in namespaces, and removes them. Some may be gone already.
func remove(names []string) {
	end(names)
	var lines []string
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(spacesDir, name)); err == nil {
			lines = append(lines, "netns delete "+name)
		}
	}
	if len(lines) > 0 {
		_, _ = ip(strings.Join(lines, "\n"), "-force")
	}
}

// end kills what runs in namespaces of ours.
func end(names []string) {
	ours := map[string]bool{}
	for _, name := range names {
		if id, ok := inode(filepath.Join(spacesDir, name)); ok {
			ours["net:["+id+"]"] = true
		}
	}
	processes, _ := filepath.Glob("/proc/[0-9]*/ns/net")
	for _, link := range processes {
		at, err := os.Readlink(link)
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
		if err != nil || !ours[at] || pid == os.Getpid() {
			continue
		}
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
		}
	}
}

// sweep removes the namespaces of test processes that are no more.
func sweep() {
	entries, err := os.ReadDir(spacesDir)
	if err != nil {
		return // none was ever made here
	}
	var dead []string
	for _, e := range entries {
		parts := strings.Split(strings.TrimPrefix(e.Name(), prefix), "-")
		if !strings.HasPrefix(e.Name(), prefix) || len(parts) != 3 {
			continue
		}
		pid, err := strconv.Atoi(parts[0])
		if start, ok := startOf(pid); err == nil && (!ok || start != parts[1]) {
			dead = append(dead, e.Name())
		}
	}
	remove(dead)
}
