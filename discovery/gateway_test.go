package discovery

import (
	"slices"
	"testing"
)

func TestGateways(t *testing.T) {
	lan := newLink("wlan0", up, "192.168.1.7/24")
	phone := newLink("wlan0", up, "192.168.43.77/24")
	hot := newLink("ap0", up, "192.168.43.1/24")
	for name, tt := range map[string]struct {
		routes []string
		links  []link
		want   []string
	}{
		"none":                  {nil, []link{lan}, nil},
		"a router":              {[]string{"192.168.1.1", "192.168.1.1", "fe80::1"}, []link{lan}, []string{"192.168.1.1"}},
		"a phone":               {nil, []link{lan, phone}, []string{"192.168.43.1"}},
		"a phone with a route":  {[]string{"192.168.43.1"}, []link{phone}, []string{"192.168.43.1"}},
		"this is the phone":     {nil, []link{hot}, nil},
		"routed to this device": {[]string{"192.168.1.7"}, []link{lan}, nil},
		"nothing is known":      {[]string{"10.0.0.1", "fd00::1"}, nil, []string{"10.0.0.1", "fd00::1"}},
	} {
		if got := gateways(ips(tt.routes...), tt.links); !slices.Equal(got, ips(tt.want...)) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
