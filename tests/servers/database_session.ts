// What a client of MariaDB says in a session; errors are part of it.
export const DATABASE_SESSION = `
create database shop; use shop;
create table item (id int auto_increment primary key, name varchar(40) not null unique, price decimal(8,2), made date,
  more json, key (price)) engine=innodb;
create table sale (id int auto_increment primary key, item int not null, amount int check (amount > 0),
  foreign key (item) references item (id) on delete cascade) engine=innodb;
insert into item (name, price, made, more) select concat('item ', seq), seq * 1.25, date_add('2024-01-01', interval seq day),
  json_object('n', seq, 'odd', seq % 2) from seq_1_to_400;
insert into sale (item, amount) select 1 + seq * 7 % 400, 1 + seq % 9 from seq_1_to_3000;
select count(*), sum(price), min(made), max(made) from item;
select i.name, sum(s.amount) total from item i join sale s on s.item = i.id group by i.id order by total desc, i.id limit 5;
select name, rank() over (order by price desc) r, sum(price) over (order by id rows 2 preceding) w from item where id % 97 = 0;
select json_extract(more, '$.n'), regexp_replace(name, '[0-9]+', '#') from item where json_value(more, '$.odd') = 1 limit 3;
with recursive f(a, b, n) as (select 0, 1, 1 union all select b, a + b, n + 1 from f where n < 20) select max(a) from f;
insert into sale (item, amount) values (9999, 1);
insert into sale (item, amount) values (1, -1);
insert into item (name) values ('item 7');
start transaction; update item set price = 0; savepoint s; delete from sale; rollback to s; select count(*) from sale;
rollback; select sum(price) from item;
delete from item where id <= 10; select count(*) from sale;
create view cheap as select id, price from item where price < 20; select count(*), sum(price) from cheap;
create table log (t text) engine=myisam;
delimiter //
create trigger t after update on item for each row insert into log values (concat(old.price, ' -> ', new.price))//
create procedure raise_by(p decimal(8,2)) begin update item set price = price + p where id < 14; end//
delimiter ;
call raise_by(0.5); select * from log order by t;
alter table item add column extra int default 7, drop index price; select sum(extra) from item;
select table_name, engine, table_rows > 0 from information_schema.tables where table_schema = 'shop' order by 1;
checksum table sale, log; check table item, sale, log extended; analyze table item;
select nothing from item;
select md5(group_concat(name, price order by id)) from item;
drop database shop;
`;
