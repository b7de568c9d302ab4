package crdt

import (
	"fmt"
	"slices"
)

// A Role is what a device may do in the camp. A newer program may know more
// roles: an admission to one of those is held and not merged.
type Role uint64

// Coordinators admit devices and write records, members write records, readers
// read.
const (
	RoleCoordinator Role = 1 + iota
	RoleMember
	RoleReader
	roleEnd
)

var roleNames = []string{RoleCoordinator: "coordinator", RoleMember: "member", RoleReader: "reader"}

// Known tells whether this program knows the role.
func (r Role) Known() bool { return r > 0 && r < roleEnd }

func (r Role) String() string {
	if !r.Known() {
		return fmt.Sprintf("role %d", uint64(r))
	}
	return roleNames[r]
}

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	if i := slices.Index(roleNames, name); i > 0 {
		return Role(i), nil
	}
	return 0, fmt.Errorf("%q is no role: use coordinator, member or reader", name)
}
