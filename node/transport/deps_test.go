package transport_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestDependencies keeps out the packages that would make the program a third larger.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skipf("list dependencies: %v", err)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		for _, heavy := range []string{
			"github.com/pion/", "go.uber.org/fx", "github.com/libp2p/go-libp2p/config",
			"github.com/libp2p/go-libp2p/p2p/protocol/", "github.com/libp2p/go-libp2p/p2p/host/basic",
			"github.com/gorilla/websocket", "github.com/quic-go/webtransport-go",
		} {
			if strings.HasPrefix(dep, heavy) {
				t.Errorf("%s is imported", dep)
			}
		}
		if dep == "github.com/libp2p/go-libp2p" {
			t.Errorf("%s is imported", dep)
		}
	}
}
