//go:build !linux

package discovery

import "net/netip"

// systemRoutes is not known here: other systems take more than reading a file.
func systemRoutes() []netip.Addr { return nil }
