# summary: fails by a command in a function
# module: in-tree
# smp: 1

inner()
{
	false
	note "must not come here"
}
inner
