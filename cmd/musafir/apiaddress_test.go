package main

import (
	"net"
	"testing"
)

func TestAPIAddressCheck(t *testing.T) {
	for text, want := range map[string][2]bool{ // taken; taken with --http-open
		"127.0.0.1:7667":   {true, true},
		"[::1]:0":          {true, true},
		"localhost:7667":   {true, true},
		"0.0.0.0:7667":     {false, true},
		":7667":            {false, true},
		"192.168.1.7:7667": {false, true},
		"clinic-pi:7667":   {false, true},
		"127.0.0.1":        {false, false},
		"":                 {false, false},
	} {
		for i, open := range []bool{false, true} {
			err := apiAddress{text, open}.check()
			if (err == nil) != want[i] || err != nil && !isUsage(err) {
				t.Errorf("%q, open %v: %v", text, open, err)
			}
		}
	}
}

func TestWhereTheAPIIs(t *testing.T) {
	for _, tt := range []struct {
		ip   string
		here string
		open bool
	}{
		{"127.0.0.1", "127.0.0.1:1", false},
		{"::1", "[::1]:1", false},
		{"0.0.0.0", "127.0.0.1:1", true},
		{"::", "127.0.0.1:1", true},
		{"192.168.1.7", "192.168.1.7:1", true},
	} {
		addr := &net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 1}
		if here, open := fromHere(addr), isOpen(addr); here != tt.here || open != tt.open {
			t.Errorf("%s: %s %v", tt.ip, here, open)
		}
	}
}
