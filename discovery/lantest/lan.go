package lantest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// A LAN is the switches and hosts of one test.
type LAN struct {
	t      testing.TB
	spaces []*space
}

// New makes a network with nothing in it. It skips the test where there can be none;
// $MUSAFIR_LAN=required fails it instead.
func New(t testing.TB) *LAN {
	t.Helper()
	if err := possible(); err != nil {
		refuse := t.Skipf
		if os.Getenv("MUSAFIR_LAN") == "required" {
			refuse = t.Fatalf
		}
		refuse("there can be no network of namespaces here: %v", err)
	}
	l := &LAN{t: t}
	t.Cleanup(l.close)
	return l
}

// possible tells what is missing; nil: nothing. The first one to ask tries it out,
// and removes what killed test processes have left.
var possible = sync.OnceValue(func() error {
	if runtime.GOOS != "linux" {
		return errors.New("that takes Linux, and this is " + runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return errors.New("that takes root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("that takes the program ip, of iproute2")
	}
	sweep()
	return try()
})

// try makes one of each thing that a network needs.
func try() error {
	name := nextName()
	if out, err := ip("netns add " + name); err != nil {
		return refused(out)
	}
	defer remove([]string{name})
	if err := inSpace(name, lonely); err != nil {
		return err
	}
	if out, err := ip("link add name bridge type bridge\nlink add name port type veth peer name end", "-n", name); err != nil {
		return refused(out)
	}
	return nil
}

func refused(out []byte) error {
	text, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return fmt.Errorf("the system refuses: %s", text)
}

// close ends what still runs in the namespaces, and removes them.
func (l *LAN) close() {
	var names []string
	for _, s := range l.spaces {
		names = append(names, s.name)
	}
	remove(names)
}
