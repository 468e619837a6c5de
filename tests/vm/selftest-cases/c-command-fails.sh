# summary: fails by a command in a function
# module: in-tree

inner()
{
	false
	note "must not come here"
}
inner
