package lantest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix" // setns, which is not in the standard library
)

// inSpace runs a function on a thread inside a namespace. The thread comes back
// afterwards, also from a function that ends its goroutine as t.Fatal does. (To
// throw it away would kill the processes that were started from it, see
// endsWithTest.)
func inSpace(name string, f func() error) error {
	runtime.LockOSThread()
	home, err := openSpace("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		if err := home.enter(); err != nil {
			panic(fmt.Sprintf("a thread cannot leave a namespace: %v", err)) // and would do harm
		}
		home.close()
		runtime.UnlockOSThread()
	}()
	there, err := openSpace(filepath.Join(spacesDir, name))
	if err != nil {
		return err
	}
	err = there.enter()
	there.close()
	if err != nil {
		return err
	}
	return f()
}

// A handle leads to a namespace.
type handle int

func openSpace(path string) (handle, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open the namespace %s: %w", path, err)
	}
	return handle(fd), nil
}

// enter takes the thread there.
func (h handle) enter() error {
	if err := unix.Setns(int(h), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the namespace: %w", err)
	}
	return nil
}

func (h handle) close() { _ = unix.Close(int(h)) }

// inode tells namespaces apart.
func inode(path string) (string, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	return strconv.FormatUint(info.Sys().(*syscall.Stat_t).Ino, 10), true
}

// endsWithTest makes a process end with the test process, even if that is killed.
// (The kernel looks at the thread that started it; ours live as long as the test
// process.)
func endsWithTest(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
